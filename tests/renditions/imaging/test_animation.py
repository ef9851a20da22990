"""Animations: the first frame, or all frames with their timing."""

import gc
from collections.abc import Iterator
from io import BytesIO
from weakref import ref

import pytest
from PIL import Image, ImageSequence

from renditions.errors import (
    DecodeTooLarge,
    RenditionTooLarge,
    SourceIncomplete,
    TooManyFramePixels,
)
from renditions.imaging.animation import read_animation
from renditions.imaging.filters import Filter, Invert
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits, open_source

from .gifs import GIFS, Drawn, gif, shown
from .pictures import BLUE, GREEN, RED, YELLOW, as_file, near, render

KEEP = Encoding(animation="keep", webp_quality=95)
COLOURS = (RED, GREEN, BLUE, YELLOW)
DURATIONS = (100, 250, 40, 500)


def _animation(format_name: str, *, translucent: bool = False, **options) -> BytesIO:
    """Return four frames; the square in them moves and changes its colour."""
    frames = []
    for i, colour in enumerate(COLOURS):
        frame = Image.new("RGBA", (80, 80), (0, 0, 0, 0) if translucent else (255, 255, 255, 255))
        frame.paste((*colour, 255), (20 * i, 20 * i, 20 * i + 20, 20 * i + 20))
        # libwebp crops transparent edges; without this it would write an opaque file.
        frame.paste((*colour, 100), (20 * i, 20 * i, 20 * i + 4, 20 * i + 4))
        frames.append(frame if translucent else frame.convert("RGB"))
    disposal = {"disposal": 2} if translucent and format_name == "GIF" else {}
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
        picture = frame.convert("RGBA")  # first: it loads the info of a WebP frame
        found.append((frame.info["duration"], picture))
    return found


def _place(i: int, side: int) -> tuple[int, int]:
    return (int((20 * i + 10) * side / 80),) * 2


@pytest.mark.parametrize("format_name", ["GIF", "WEBP"])
def test_the_first_frame_by_default(format_name):
    rendered = render(_animation(format_name), Recipe(Crop(), Size(40, 40)))

    image = Image.open(BytesIO(rendered.data))
    assert getattr(image, "n_frames", 1) == 1
    assert near([image.convert("RGB").getpixel(_place(0, 40))], [RED], by=25)


@pytest.mark.parametrize("translucent", [False, True])
@pytest.mark.parametrize("target", ["gif", "webp"])
@pytest.mark.parametrize("source", ["GIF", "WEBP"])
def test_all_frames_with_their_timing(source, target, translucent):
    """Every frame is shown as long as before and is not visible in the next one."""
    recipe = Recipe(Crop(), Size(40, 40), format=target, encoding=KEEP)

    frames = _frames(render(_animation(source, translucent=translucent), recipe).data)

    assert [duration for duration, frame in frames] == list(DURATIONS)
    for i, (_, frame) in enumerate(frames):
        for j, colour in enumerate(COLOURS):
            pixel = frame.getpixel(_place(j, 40))
            if i == j:
                assert near([pixel], [(*colour, 255)], by=40), (i, j)
            elif translucent:
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
def test_an_animation_plays_as_often_as_before(source, stored, target, kept):
    """A GIF counts repetitions, a WebP counts plays."""
    options = {} if stored is None else {"loop": stored}
    recipe = Recipe(Thumbnail(), Size(40, 40), format=target, encoding=KEEP)

    data = render(_animation(source, **options), recipe).data

    assert Image.open(BytesIO(data)).info.get("loop") == kept


def test_equal_frames_keep_their_total_time():
    """An encoder may join equal frames."""
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, RED, BLUE)]
    file = as_file(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=70, lossless=True
    )

    kept = _frames(render(file, Recipe(format="gif", encoding=KEEP)).data)

    assert sum(duration for duration, frame in kept) == 210


def test_every_frame_is_filtered():
    recipe = Recipe(Crop(), Size(40, 40), filter=Invert(), encoding=KEEP)

    frames = _frames(render(_animation("GIF"), recipe).data)

    assert len(frames) == 4
    for i, (_, frame) in enumerate(frames):
        wanted = tuple(255 - channel for channel in COLOURS[i])
        assert near([frame.getpixel(_place(i, 40))[:3]], [wanted], by=40)


def test_a_still_format_gets_the_first_frame():
    recipe = Recipe(Crop(), Size(40, 40), format="jpeg", encoding=KEEP)

    image = Image.open(BytesIO(render(_animation("GIF"), recipe).data))

    assert near([image.getpixel(_place(0, 40))], [RED], by=30)


def test_a_still_picture_may_be_asked_for_all_frames():
    recipe = Recipe(Crop(), Size(4, 4), encoding=KEEP)

    assert (
        len(_frames_of_still(render(as_file(Image.new("RGB", (9, 9)), "WEBP"), recipe).data)) == 1
    )


def _frames_of_still(data: bytes) -> list[Image.Image]:
    return list(ImageSequence.Iterator(Image.open(BytesIO(data))))


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "AVIF"])
def test_the_frames_of_an_original_are_limited(format_name):
    """Four frames of 6400 pixels exceed 25,000; the first frame alone does not."""
    frames = [Image.new("RGB", (80, 80), colour) for colour in COLOURS]
    file = as_file(frames[0], format_name, save_all=True, append_images=frames[1:], duration=100)
    limits = Limits(max_frame_pixels=25_000)

    assert render(file, Recipe(Crop(), Size(4, 4)), limits).size == Size(4, 4)
    with pytest.raises(TooManyFramePixels, match=r"25,600.*25,000"):
        render(file, Recipe(Crop(), Size(4, 4), encoding=KEEP), limits)
    assert render(file, Recipe(encoding=KEEP), Limits(max_frame_pixels=25_600)).size == Size(80, 80)


def test_the_frames_of_a_rendition_are_limited():
    """A crop may enlarge 1 pixel to 250,000, so renditions are counted too."""
    frames = [Image.new("RGB", (1, 1), (i, i % 2 * 255, 0)) for i in range(250)]
    file = as_file(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100)

    with pytest.raises(RenditionTooLarge, match=r"250 frames of 500x500.*50,000,000"):
        render(file, Recipe(Crop(), Size(500, 500), encoding=KEEP))
    assert render(file, Recipe(Crop(), Size(500, 500))).size == Size(500, 500)
    assert render(file, Recipe(Crop(), Size(9, 9), encoding=KEEP)).size == Size(9, 9)


def test_the_memory_for_frames_is_limited():
    """An encoder needs several copies of a frame; libavif needs most."""
    limits = Limits(max_decode_bytes=80 * 80 * 60)
    recipe = Recipe(format="gif", encoding=KEEP)

    assert render(_animation("GIF"), recipe, limits).size == Size(80, 80)
    with pytest.raises(RenditionTooLarge, match=r"384,000 bytes"):
        render(_animation("GIF"), Recipe(format="avif", encoding=KEEP), limits)
    with pytest.raises(DecodeTooLarge, match=r"179,200.*150,000"):
        render(_animation("GIF"), recipe, Limits(max_decode_bytes=150_000))


class _Counting(Filter):
    """Counts how many of its pictures are in memory at once."""

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
    """A frame is freed before the next one is rendered."""
    frames = [Image.new("RGB", (40, 40), (i * 9, 0, 255 - i * 9)) for i in range(25)]
    file = as_file(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100)
    counting = _Counting()

    render(file, Recipe(format=target, filter=counting, encoding=KEEP))

    assert counting.most <= 2


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "AVIF"])
def test_frames_that_are_composed_again_are_the_same(format_name, monkeypatch):
    """Too many frames to keep are composed once more for each rendition."""

    def frames_of() -> Iterator[bytes]:
        file = _animation(format_name, translucent=True)
        animation = read_animation(open_source(file, Limits()), Limits())
        for _ in range(2):
            yield from (frame.convert("RGBA").tobytes() for frame in animation.frames())

    kept = list(frames_of())
    monkeypatch.setattr("renditions.imaging.animation._MAX_KEPT_PIXELS", 80 * 80 * 3)
    assert list(frames_of()) == kept
    assert len(set(kept)) == 4


@pytest.mark.parametrize("target", ["gif", "webp", "avif"])
@pytest.mark.parametrize("opaque_first", [False, True])
def test_one_transparent_frame_among_opaque_ones(target, opaque_first):
    """The hole stays in its frame; the other frame stays opaque."""
    hole = Image.new("RGBA", (64, 64))
    hole.paste((255, 0, 0, 255), (10, 10, 50, 50))
    frames = [hole, Image.new("RGBA", (64, 64), (0, 255, 0, 255))]
    frames = frames[::-1] if opaque_first else frames
    data = bytearray(
        as_file(
            frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True
        ).getvalue()
    )
    data[20] |= 0x10  # the flag for alpha, which libwebp did not set

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
def test_durations_are_rounded_to_ticks_of_a_gif(shown, written):
    """Each frame ends as near as possible to its end in the original."""
    frames = [Image.new("RGB", (30, 30), colour) for colour in COLOURS]
    file = as_file(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=list(shown))

    kept = _frames(render(file, Recipe(format="gif", encoding=KEEP)).data)

    assert [duration for duration, _ in kept] == written


def test_the_number_of_loops_is_cut_at_the_limit_of_the_format():
    recipe = Recipe(Thumbnail(), Size(40, 40), format="webp", encoding=KEEP)

    data = render(_animation("GIF", loop=65_535), recipe).data

    assert Image.open(BytesIO(data)).info["loop"] == 65_535


def test_colours_after_a_greyscale_frame():
    """Pillow alone loses their palette."""
    grey, red = Image.linear_gradient("L"), Image.new("RGB", (256, 256), (255, 0, 0))
    file = as_file(grey, "GIF", save_all=True, append_images=[red])

    frames = _frames(render(file, Recipe(encoding=KEEP)).data)

    assert frames[0][1].getpixel((9, 99)) == (99, 99, 99, 255)
    assert frames[1][1].getpixel((9, 99)) == (255, 0, 0, 255)


@pytest.mark.parametrize("name", GIFS)
def test_frames_of_a_gif_are_composed_as_in_browsers(name):
    """`tests/renditions/browser` shows the same files to Chromium."""
    gif = GIFS[name]
    animation = read_animation(open_source(BytesIO(gif.data), Limits()), Limits())

    assert animation is not None
    assert [shown(frame) for frame in animation.frames()] == gif.shown
    assert list(animation.durations_ms) == gif.durations_ms
    assert animation.transparent == any("." in frame for frame in gif.shown)


@pytest.mark.parametrize("name", GIFS)
@pytest.mark.parametrize("animation", ["first", "keep"])
def test_the_first_frame_of_a_gif_is_transparent_where_nothing_is_drawn(name, animation):
    gif = GIFS[name]
    recipe = Recipe(format="png", encoding=Encoding(animation=animation))

    image = Image.open(BytesIO(render(BytesIO(gif.data), recipe).data))

    assert shown(image.convert("RGBA")) == gif.shown[0]


def test_a_grey_gif_that_does_not_cover_its_canvas():
    """It has no palette of colours, so Pillow opens it in another mode."""
    data = gif((4, 1), Drawn(1, 0, 2, 1, "rg"), palette=bytes([9, 9, 9, 200, 200, 200]) + bytes(6))
    for recipe in (Recipe(format="png"), Recipe(format="png", encoding=KEEP)):
        image = Image.open(BytesIO(render(BytesIO(data), recipe).data))
        pixels = [image.convert("LA").getpixel((x, 0)) for x in range(4)]
        assert [alpha for _, alpha in pixels] == [0, 255, 255, 0]
        assert [grey for grey, alpha in pixels if alpha] == [9, 200]


def test_a_background_is_behind_what_no_frame_covers():
    """As behind every transparent picture; the background colour of the GIF is ignored."""
    recipe = Recipe(format="jpeg", encoding=Encoding(background=(0, 0, 255), jpeg_quality=95))
    data = gif((32, 16), Drawn(0, 0, 16, 16, "r" * 256))

    image = Image.open(BytesIO(render(BytesIO(data), recipe).data))

    found = [image.getpixel((4, 8)), image.getpixel((28, 8))]
    assert near(found, [(255, 0, 0), (0, 0, 255)], by=8)


def test_a_gif_that_ends_in_a_later_frame_is_incomplete():
    whole = GIFS["cleared"].data
    for end in (3, 8, 14):
        with pytest.raises(SourceIncomplete):
            render(BytesIO(whole[:-end]), Recipe(encoding=KEEP))


def test_grey_frames_stay_grey():
    grey = [Image.linear_gradient("L").rotate(i) for i in range(3)]
    file = as_file(grey[0], "GIF", save_all=True, append_images=grey[1:])

    for frame in _frames(render(file, Recipe(encoding=KEEP)).data):
        red, green, blue, _ = frame[1].split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()


def test_a_frame_may_have_a_grey_ramp_as_its_palette():
    """Beside the palette of the file, Pillow loses such a palette if a colour is transparent."""
    ramp = bytes(number for number in range(4) for _ in "rgb")
    frames = [Drawn(0, 0, 1, 1, letter, transparent="r", palette=ramp) for letter in "gby"]

    animation = read_animation(open_source(BytesIO(gif((1, 1), *frames)), Limits()), Limits())

    assert animation is not None
    assert [frame.getpixel((0, 0)) for frame in animation.frames()] == [
        (1, 1, 1, 255),
        (2, 2, 2, 255),
        (3, 3, 3, 255),
    ]
