"""Moving pictures: the first frame, or all of them in their rhythm."""

import gc
from collections.abc import Iterator
from io import BytesIO
from weakref import ref

import pytest
from PIL import Image, ImageSequence

from renditions.errors import (
    DecodeTooLarge,
    RenditionTooLarge,
    SourceUnreadable,
    TooManyFramePixels,
)
from renditions.imaging.animation import read_animation
from renditions.imaging.filters import Filter, Invert
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits, open_source

from .pictures import BLUE, GREEN, RED, YELLOW, as_file, near, render

KEEP = Encoding(animation="keep", webp_quality=95)
COLOURS = (RED, GREEN, BLUE, YELLOW)
DURATIONS = (100, 250, 40, 500)


def _moving(format_name: str, *, see_through: bool = False, **options) -> BytesIO:
    """Return four frames, in each of which a square has moved and changed its colour."""
    frames = []
    for i, colour in enumerate(COLOURS):
        frame = Image.new("RGBA", (80, 80), (0, 0, 0, 0) if see_through else (255, 255, 255, 255))
        frame.paste((*colour, 255), (20 * i, 20 * i, 20 * i + 20, 20 * i + 20))
        # Or libwebp calls the file opaque: of each frame it writes only what is not see-through.
        frame.paste((*colour, 100), (20 * i, 20 * i, 20 * i + 4, 20 * i + 4))
        frames.append(frame if see_through else frame.convert("RGB"))
    disposal = {"disposal": 2} if see_through and format_name == "GIF" else {}
    lossless = {"lossless": True} if format_name == "WEBP" else {}
    return as_file(
        frames[0],
        format_name,
        save_all=True,
        append_images=frames[1:],
        duration=list(DURATIONS),
        **disposal,
        **lossless,
        **options,
    )


def _frames(data: bytes) -> list[tuple[int, Image.Image]]:
    found = []
    for frame in ImageSequence.Iterator(Image.open(BytesIO(data))):
        picture = frame.convert("RGBA")  # before its info is read: a WebP's is known only then
        found.append((frame.info["duration"], picture))
    return found


def _place(i: int, side: int) -> tuple[int, int]:
    return (int((20 * i + 10) * side / 80),) * 2


@pytest.mark.parametrize("format_name", ["GIF", "WEBP"])
def test_the_first_frame_by_default(format_name):
    """A thumbnail stands still unless somebody wants it to move."""
    rendered = render(_moving(format_name), Recipe(Crop(), Size(40, 40)))

    image = Image.open(BytesIO(rendered.data))
    assert getattr(image, "n_frames", 1) == 1
    assert near([image.convert("RGB").getpixel(_place(0, 40))], [RED], by=25)


@pytest.mark.parametrize("see_through", [False, True])
@pytest.mark.parametrize("target", ["gif", "webp"])
@pytest.mark.parametrize("source", ["GIF", "WEBP"])
def test_all_frames_with_their_timing(source, target, see_through):
    """Every frame is seen as long as before and leaves no trace in the next."""
    recipe = Recipe(Crop(), Size(40, 40), format=target, encoding=KEEP)

    frames = _frames(render(_moving(source, see_through=see_through), recipe).data)

    assert [duration for duration, frame in frames] == list(DURATIONS)
    for i, (_, frame) in enumerate(frames):
        for j, colour in enumerate(COLOURS):
            pixel = frame.getpixel(_place(j, 40))
            if i == j:
                assert near([pixel], [(*colour, 255)], by=40), (i, j)
            elif see_through:
                assert pixel[3] < 20, (i, j, pixel)
            else:
                assert near([pixel], [(255, 255, 255, 255)], by=30), (i, j)


@pytest.mark.parametrize(
    ("source", "stored", "target", "kept"),
    [
        ("GIF", None, "GIF", None),
        ("GIF", 0, "GIF", 0),
        ("GIF", 3, "GIF", 3),
        ("GIF", None, "WEBP", 1),
        ("GIF", 0, "WEBP", 0),
        ("GIF", 3, "WEBP", 4),
        ("WEBP", 0, "GIF", 0),
        ("WEBP", 1, "GIF", None),
        ("WEBP", 4, "GIF", 3),
        ("WEBP", 4, "WEBP", 4),
    ],
)
def test_a_loop_ends_when_it_did(source, stored, target, kept):
    """A GIF counts repetitions and a WebP showings."""
    options = {} if stored is None else {"loop": stored}
    recipe = Recipe(Thumbnail(), Size(40, 40), format=target, encoding=KEEP)

    data = render(_moving(source, **options), recipe).data

    assert Image.open(BytesIO(data)).info.get("loop") == kept


def test_a_frame_shown_twice_as_long_stays_so():
    """Equal frames may be joined; the time they take may not change."""
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, RED, BLUE)]
    file = as_file(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=70, lossless=True
    )

    kept = _frames(render(file, Recipe(format="gif", encoding=KEEP)).data)

    assert sum(duration for duration, frame in kept) == 210


def test_every_frame_is_filtered():
    """A filter is for the picture, not for its beginning."""
    recipe = Recipe(Crop(), Size(40, 40), filter=Invert(), encoding=KEEP)

    frames = _frames(render(_moving("GIF"), recipe).data)

    assert len(frames) == 4
    for i, (_, frame) in enumerate(frames):
        wanted = tuple(255 - channel for channel in COLOURS[i])
        assert near([frame.getpixel(_place(i, 40))[:3]], [wanted], by=40)


def test_a_format_that_stands_still_gets_the_first_frame():
    """A JPEG of an animation is its first frame."""
    recipe = Recipe(Crop(), Size(40, 40), format="jpeg", encoding=KEEP)

    image = Image.open(BytesIO(render(_moving("GIF"), recipe).data))

    assert near([image.getpixel(_place(0, 40))], [RED], by=30)


def test_a_picture_that_stands_still_may_be_kept_too():
    """Asking for all frames of a photograph gives the photograph."""
    recipe = Recipe(Crop(), Size(4, 4), encoding=KEEP)

    assert (
        len(_frames_of_still(render(as_file(Image.new("RGB", (9, 9)), "WEBP"), recipe).data)) == 1
    )


def _frames_of_still(data: bytes) -> list[Image.Image]:
    return list(ImageSequence.Iterator(Image.open(BytesIO(data))))


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "AVIF"])
def test_frames_have_a_budget(format_name):
    """Four frames of 6400 px are one too many for 25,000 px; the first alone is not."""
    frames = [Image.new("RGB", (80, 80), colour) for colour in COLOURS]
    file = as_file(frames[0], format_name, save_all=True, append_images=frames[1:], duration=100)
    limits = Limits(max_frame_pixels=25_000)

    assert render(file, Recipe(Crop(), Size(4, 4)), limits).size == Size(4, 4)
    with pytest.raises(TooManyFramePixels, match=r"25,600.*25,000"):
        render(file, Recipe(Crop(), Size(4, 4), encoding=KEEP), limits)
    assert render(file, Recipe(encoding=KEEP), Limits(max_frame_pixels=25_600)).size == Size(80, 80)


def test_moving_renditions_have_a_budget_of_their_own():
    """A pixel that moves may become 160,000, so these are counted too."""
    frames = [Image.new("RGB", (1, 1), (i, i % 2 * 255, 0)) for i in range(250)]
    file = as_file(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100)

    with pytest.raises(RenditionTooLarge, match=r"250 frames of 500x500.*50,000,000"):
        render(file, Recipe(Crop(), Size(500, 500), encoding=KEEP))
    assert render(file, Recipe(Crop(), Size(500, 500))).size == Size(500, 500)
    assert render(file, Recipe(Crop(), Size(9, 9), encoding=KEEP)).size == Size(9, 9)


def test_moving_frames_need_memory():
    """An encoder needs several copies of a frame, and libavif most."""
    limits = Limits(max_decode_bytes=80 * 80 * 60)
    recipe = Recipe(format="gif", encoding=KEEP)

    assert render(_moving("GIF"), recipe, limits).size == Size(80, 80)
    with pytest.raises(RenditionTooLarge, match=r"384,000 bytes"):
        render(_moving("GIF"), Recipe(format="avif", encoding=KEEP), limits)
    with pytest.raises(DecodeTooLarge, match=r"179,200.*150,000"):
        render(_moving("GIF"), recipe, Limits(max_decode_bytes=150_000))


class _Counting(Filter):
    """Notes how many of its pictures are alive at once."""

    def __init__(self) -> None:
        self.seen: list[ref[Image.Image]] = []
        self.most = 0

    def apply(self, image: Image.Image) -> Image.Image:
        self.seen.append(ref(image))
        gc.collect()
        self.most = max(self.most, sum(seen() is not None for seen in self.seen))
        return image


@pytest.mark.parametrize("target", ["gif", "webp", "avif"])
def test_frames_are_made_one_at_a_time(target):
    """A frame that was written is let go of; a GIF waits with its frames, in a byte a pixel."""
    frames = [Image.new("RGB", (40, 40), (i * 9, 0, 255 - i * 9)) for i in range(25)]
    file = as_file(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100)
    counting = _Counting()

    render(file, Recipe(format=target, filter=counting, encoding=KEEP))

    assert counting.most <= 2


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "AVIF"])
def test_frames_are_the_same_again(format_name, monkeypatch):
    """Frames too many to keep are composed anew, and are what they were."""

    def frames_of() -> Iterator[bytes]:
        file = _moving(format_name, see_through=True)
        animation = read_animation(open_source(file, Limits()), Limits())
        for _ in range(2):
            yield from (frame.convert("RGBA").tobytes() for frame in animation.frames())

    kept = list(frames_of())
    monkeypatch.setattr("renditions.imaging.animation._MAX_KEPT_PIXELS", 80 * 80 * 3)
    assert list(frames_of()) == kept
    assert len(set(kept)) == 4


@pytest.mark.parametrize("target", ["gif", "webp", "avif"])
@pytest.mark.parametrize("opaque_first", [False, True])
def test_one_frame_that_can_be_seen_through(target, opaque_first):
    """A hole in one frame stays one, and the others stay whole."""
    hole = Image.new("RGBA", (64, 64))
    hole.paste((255, 0, 0, 255), (10, 10, 50, 50))
    frames = [hole, Image.new("RGBA", (64, 64), (0, 255, 0, 255))]
    frames = frames[::-1] if opaque_first else frames
    data = bytearray(
        as_file(
            frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True
        ).getvalue()
    )
    data[20] |= 0x10  # libwebp forgets to say that one can see through it

    kept = _frames(render(BytesIO(bytes(data)), Recipe(format=target, encoding=KEEP)).data)

    seen = [(frame.getpixel((3, 3))[3], frame.getpixel((30, 30))[3]) for _, frame in kept]
    seen = seen[::-1] if opaque_first else seen
    assert seen[0][0] < 10
    assert min(seen[0][1], *seen[1]) > 245


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        ((16, 17, 17, 17), [20, 20, 20, 20]),
        ((33, 33, 33, 33), [30, 40, 30, 30]),
        ((5, 8, 100, 10), [10, 10, 90, 10]),
        ((700_000, 20, 30, 40), [655_350, 44_670, 30, 40]),
    ],
)
def test_a_gif_counts_hundredths_of_a_second(shown, written):
    """Its frames end where those of the original do, as near as it can say that."""
    frames = [Image.new("RGB", (30, 30), colour) for colour in COLOURS]
    file = as_file(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=list(shown))

    kept = _frames(render(file, Recipe(format="gif", encoding=KEEP)).data)

    assert [duration for duration, _ in kept] == written


def test_a_loop_is_no_longer_than_can_be_said():
    """A GIF repeats its frames 65,535 times at most; a WebP shows them as often."""
    recipe = Recipe(Thumbnail(), Size(40, 40), format="webp", encoding=KEEP)

    data = render(_moving("GIF", loop=65_535), recipe).data

    assert Image.open(BytesIO(data)).info["loop"] == 65_535


def test_a_palette_that_pillow_loses_is_a_reason():
    """Behind frames in grey it can't read one in colour, and says nothing."""
    grey, red = Image.linear_gradient("L"), Image.new("RGB", (256, 256), (255, 0, 0))
    file = as_file(grey, "GIF", save_all=True, append_images=[red])

    with pytest.raises(SourceUnreadable, match="after a greyscale frame"):
        render(file, Recipe(encoding=KEEP))
    assert render(file, Recipe()).size == Size(256, 256)


def test_grey_frames_stay_grey():
    """Where all are; one in colour makes them all coloured."""
    grey = [Image.linear_gradient("L").rotate(i) for i in range(3)]
    file = as_file(grey[0], "GIF", save_all=True, append_images=grey[1:])

    for frame in _frames(render(file, Recipe(encoding=KEEP)).data):
        red, green, blue, _ = frame[1].split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()
