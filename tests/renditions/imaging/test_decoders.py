"""Decoders that need little memory give the pixels that Pillow gives."""

import gc
import sys
import tracemalloc
from io import BytesIO

import pytest
from PIL import Image

from renditions.errors import DecodeTooLarge, SourceUnreadable
from renditions.imaging.decoders import memory_needed
from renditions.imaging.formats import format_named
from renditions.imaging.geometry import Size
from renditions.imaging.headers import read_header
from renditions.imaging.recipes import Recipe
from renditions.imaging.sources import Limits, decode, open_source, probe
from tests.heif import as_heif

from .pictures import as_file, four_corners, gradient, photograph, render

CAMERA, LARGE = Size(6000, 4000), Size(8000, 6250)


@pytest.fixture(params=["webp", "only Pillow"])
def _with_and_without_webp(request, monkeypatch):
    """Try both decoders of a WebP."""
    if request.param != "webp":
        monkeypatch.setitem(sys.modules, "webp", None)


def _decoded(file: BytesIO) -> Image.Image:
    return decode(open_source(file, Limits()), Limits()).image


@pytest.mark.usefixtures("_with_and_without_webp")
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("sides", [(1, 1), (37, 53), (300, 200)])
@pytest.mark.parametrize(
    ("format_name", "options"),
    [("WEBP", {}), ("WEBP", {"lossless": True}), ("AVIF", {}), ("AVIF", {"subsampling": "4:4:4"})],
    ids=str,
)
def test_the_pixels_are_those_of_pillow(format_name, options, mode, sides):
    """The same values, because renditions must not depend on what is installed."""
    picture = gradient(*sides).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(sides))
    file = as_file(picture, format_name, **options)
    wanted = Image.open(file)
    wanted.load()

    found = _decoded(file)

    assert (found.mode, found.size) == (wanted.mode, wanted.size)
    assert found.tobytes() == wanted.tobytes()
    assert found.info.get("icc_profile") == wanted.info.get("icc_profile")


@pytest.mark.usefixtures("_with_and_without_webp")
@pytest.mark.parametrize("frames", [1, 3])
def test_the_first_frame_of_an_animation_is_decoded(frames):
    """Only Pillow's decoder can do it, also if there is only one frame."""
    more = [Image.new("RGB", (40, 30), (60 * i, 9, 9)) for i in range(1, frames)]
    file = as_file(four_corners(40, 30), "WEBP", save_all=True, append_images=more, lossless=True)
    if frames == 1:
        file = BytesIO(_animation_of_one(file.getvalue()))

    assert _decoded(file).convert("RGB").tobytes() == four_corners(40, 30).tobytes()


def _animation_of_one(webp: bytes) -> bytes:
    """Return a still picture as an animation of one frame."""
    sides = (39).to_bytes(3, "little") + (29).to_bytes(3, "little")
    frame = bytes(6) + sides + bytes(3) + b"\0" + webp[12:]
    chunks = b"VP8X\x0a\0\0\0\x02\0\0\0" + sides + b"ANIM\6\0\0\0" + bytes(6)
    chunks += b"ANMF" + len(frame).to_bytes(4, "little") + frame
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks


@pytest.mark.usefixtures("_with_and_without_webp")
@pytest.mark.parametrize("options", [{}, {"lossless": True}], ids=["lossy", "lossless"])
def test_a_webp_whose_pixels_end_early_is_refused(options):
    """Its header states the right length, so only the decoder can find it."""
    data = as_file(photograph(300, 200), "WEBP", **options).getvalue()
    cut = data[: len(data) * 3 // 4]

    with pytest.raises(SourceUnreadable):
        render(BytesIO(cut), Recipe())
    with pytest.raises(SourceUnreadable):
        render(BytesIO(cut[:4] + (len(cut) - 8).to_bytes(4, "little") + cut[8:]), Recipe())


@pytest.mark.parametrize(
    ("format_name", "mode", "options", "is_large"),
    [
        ("WEBP", "RGB", {}, True),
        ("WEBP", "RGBA", {}, True),
        ("WEBP", "RGB", {"lossless": True}, False),
        ("AVIF", "RGB", {}, True),
        ("AVIF", "L", {}, True),
        ("AVIF", "RGB", {"subsampling": "4:4:4"}, False),
        ("AVIF", "RGBA", {"subsampling": "4:4:4"}, False),
        ("HEIF", "RGB", {}, True),
        ("HEIF", "RGB", {"tile_size": 64}, True),
        ("HEIF", "RGB", {"chroma": 444}, False),
        ("HEIF", "RGBA", {}, False),
        ("HEIF", "L", {}, True),
    ],
    ids=str,
)
def test_a_picture_of_any_camera_is_within_the_limits(format_name, mode, options, is_large):
    """24 megapixels in each format, and 50 as most programs store them."""
    picture = photograph(300, 200).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    file = BytesIO(as_heif(picture, **options)) if format_name == "HEIF" else None
    file = file or as_file(picture, format_name, **options)
    header = read_header(file, max_metadata_bytes=10**7, max_scans=1)

    camera, large = (memory_needed(header, format_named(format_name), s) for s in (CAMERA, LARGE))

    assert camera <= Limits().max_decode_bytes
    assert (large <= Limits().max_decode_bytes) is is_large


def test_without_the_package_a_large_webp_is_refused(monkeypatch):
    """A camera's is not. The decoder of Pillow needs 13 bytes for each pixel."""
    file = as_file(photograph(300, 200), "WEBP")
    limits = Limits(max_decode_bytes=13 * 60_000)
    assert probe(file, limits).size == Size(300, 200)

    monkeypatch.setitem(sys.modules, "webp", None)

    with pytest.raises(DecodeTooLarge):
        probe(file, limits)
    header = read_header(file, max_metadata_bytes=10**7, max_scans=1)
    assert memory_needed(header, format_named("WEBP"), CAMERA) <= Limits().max_decode_bytes


@pytest.mark.parametrize("format_name", ["WEBP", "AVIF"])
def test_pixels_of_the_decoder_are_used_where_they_are(format_name):
    """A second copy would be four more bytes for each pixel. They are freed with the picture."""
    picture = photograph(800, 600).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    source = open_source(as_file(picture, format_name), Limits())
    tracemalloc.start()
    try:
        image = decode(source, Limits()).image
        gc.collect()
        # Pillow's own memory is not counted, that of Python is: the pixels are in Python's.
        assert tracemalloc.get_traced_memory()[0] >= 4 * 800 * 600
        image.close()
        del image, source
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 4 * 800 * 600 / 10
    finally:
        tracemalloc.stop()
