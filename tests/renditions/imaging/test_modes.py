"""Palettes, alpha and high bit depths."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageStat

from renditions.errors import SourceUnreadable
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits

from .pictures import CORNERS, as_file, corners_of, four_corners, near, read, render
from .profiles import grey_profile

WITH_TIFF = Limits(formats=("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP"))
GREYS = (20, 90, 160, 250)


@pytest.mark.parametrize(
    ("mode", "format_name", "factor"),
    [
        ("I;16", "PNG", 257),
        ("I;16", "TIFF", 257),
        ("I;16B", "TIFF", 257),
        ("I", "TIFF", 257),
        ("I", "TIFF", 1),
        ("I", "TIFF", 2**23),
        ("F", "TIFF", 1 / 255),
        ("F", "TIFF", 1),
        ("F", "TIFF", 257),
    ],
)
def test_high_bit_depth_greyscale_keeps_its_brightness(mode, format_name, factor):
    """Values of 16 and 32 bits are scaled to 8 bits, not clipped to white."""
    white_and_corners = [*GREYS[:3], 255]
    picture = Image.new("F", (40, 40))
    for i, grey in enumerate(white_and_corners):
        picture.paste(grey * factor, (i % 2 * 20, i // 2 * 20, i % 2 * 20 + 20, i // 2 * 20 + 20))
    picture = picture if mode == "F" else picture.convert("I")
    picture = picture if mode in ("F", "I") else _sixteen_bits(picture, mode)
    file = as_file(picture, format_name)

    image = read(render(file, Recipe(Thumbnail(), Size(20, 20), format="png"), WITH_TIFF))

    assert image.mode == "L"
    assert near(corners_of(image), [(grey,) for grey in white_and_corners], by=2)


def _sixteen_bits(picture: Image.Image, mode: str) -> Image.Image:
    order = "big" if mode.endswith("B") else "little"
    data = b"".join(int(value).to_bytes(2, order) for value in picture.get_flattened_data())
    return Image.frombytes(mode, picture.size, data)


@pytest.mark.parametrize("format_name", ["PNG", "GIF", "BMP"])
def test_palette_indexes_are_not_averaged(format_name):
    """Between two colours is their mixture, not the colour with an index in between."""
    palette = Image.new("P", (64, 64))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for x in range(0, 64, 2):
        palette.paste(2, (x, 0, x + 1, 64))

    recipe = Recipe(Thumbnail(), Size(8, 8), format="png")
    image = read(render(as_file(palette, format_name), recipe, WITH_TIFF)).convert("RGB")

    assert near([image.getpixel((4, 4))], [(127, 0, 127)], by=6)


def test_single_bits_become_greyscale():
    picture = Image.new("1", (64, 64))
    for x in range(0, 64, 2):
        picture.paste(1, (x, 0, x + 1, 64))

    image = read(render(as_file(picture, "PNG"), Recipe(Thumbnail(), Size(8, 8))))

    assert image.mode == "L"
    assert near([[image.getpixel((4, 4))]], [[127]], by=6)


def _half_transparent(mode: str) -> tuple[BytesIO, str]:
    """Return a file with a white left half and a transparent red right half."""
    picture = Image.new("RGBA", (80, 80), (255, 255, 255, 255))
    picture.paste((255, 0, 0, 0), (40, 0, 80, 80))
    if mode == "RGBA":
        return as_file(picture, "PNG"), mode
    if mode == "LA":
        return as_file(picture.convert("LA"), "PNG"), mode
    grey = Image.new("P" if mode.startswith("P") else "L", (80, 80), 1)
    if grey.mode == "P":
        grey.putpalette([255, 0, 0, 255, 255, 255])
    grey.paste(0, (40, 0, 80, 80))
    if mode == "RGB transparent":
        opaque = Image.new("RGB", (80, 80), (255, 255, 255))
        opaque.paste((255, 0, 0), (40, 0, 80, 80))
        return as_file(opaque, "PNG", transparency=(255, 0, 0)), mode
    if mode == "L transparent":
        grey = grey.point(lambda value: 255 if value else 9)
        return as_file(grey, "PNG", transparency=9), mode
    return as_file(grey, "GIF" if "GIF" in mode else "PNG", transparency=0), mode


@pytest.mark.parametrize(
    "mode", ["RGBA", "LA", "P transparent", "P GIF", "L transparent", "RGB transparent"]
)
def test_transparency_stays_and_hidden_colours_do_not_show(mode):
    """Edges have no fringe in the colour of transparent pixels."""
    file, _ = _half_transparent(mode)

    image = read(render(file, Recipe(Crop(), Size(33, 33), format="png"))).convert("RGBA")

    assert image.getpixel((3, 16))[3] == 255
    assert image.getpixel((29, 16))[3] == 0
    assert any(0 < image.getpixel((x, 16))[3] < 255 for x in range(33)), "an edge is soft"
    for x in range(33):
        red, green, blue, alpha = image.getpixel((x, 16))
        assert alpha < 8 or min(red, green, blue) > 240, (x, image.getpixel((x, 16)))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P transparent", "P GIF"])
@pytest.mark.parametrize("background", [(255, 255, 255), (0, 128, 255)])
def test_a_jpeg_shows_the_background_instead_of_transparency(mode, background):
    file, _ = _half_transparent(mode)
    encoding = Encoding(background=background, jpeg_quality=95)

    image = read(render(file, Recipe(Crop(), Size(40, 40), format="jpeg", encoding=encoding)))

    assert near([image.convert("RGB").getpixel((35, 20))], [background], by=4)


def test_pa_keeps_its_transparency():
    """A TIFF may have a palette with alpha."""
    from renditions.imaging.modes import to_working_mode, unpremultiply

    picture = four_corners(40, 40, [(*colour, 60) for colour in CORNERS])
    image = unpremultiply(to_working_mode(picture.convert("PA")), grey=False)

    assert image.mode == "RGBA"
    assert [colour[3] for colour in corners_of(image)] == [60] * 4


def test_an_opaque_picture_needs_no_alpha():
    picture = four_corners(40, 40, [(*colour, 255) for colour in CORNERS])

    assert read(render(as_file(picture, "PNG"), Recipe(Crop(), Size(20, 20)))).mode == "RGB"


@pytest.mark.parametrize("alpha", [1, 60, 128, 254])
def test_colours_survive_premultiplied_alpha(alpha):
    """A colour is the same as before, within the precision of its alpha."""
    picture = four_corners(60, 60, [(*colour, alpha) for colour in CORNERS])

    image = read(render(as_file(picture, "PNG"), Recipe(Crop(), Size(30, 30))))

    assert [colour[3] for colour in corners_of(image)] == [alpha] * 4
    assert alpha == 1 or near(corners_of(image), [(*c, alpha) for c in CORNERS], by=255 / alpha + 1)


def test_greyscale_stays_greyscale():
    picture = Image.linear_gradient("L")
    for format_name in ("JPEG", "PNG", "GIF"):
        image = read(render(as_file(picture, format_name), Recipe(Crop(), Size(64, 64))))
        assert image.mode in ("L", "P")
        assert abs(ImageStat.Stat(image.convert("L")).mean[0] - 127.5) < 2


def _png(bits: int, colour: int, row: bytes, *chunks: tuple[bytes, bytes]) -> BytesIO:
    """Return a PNG of 32 x 16 px; each row is `row`."""
    header = (b"IHDR", struct.pack(">2I5B", 32, 16, bits, colour, 0, 0, 0))
    pixels = (b"IDAT", zlib.compress((b"\0" + row) * 16))
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in (header, *chunks, pixels, (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    return BytesIO(data)


@pytest.mark.parametrize(
    ("bits", "colour", "left", "right", "seen"),
    [
        (1, 0, b"\0\0", b"\xff\xff", 255),
        (2, 0, b"\x55" * 4, b"\xaa" * 4, 170),
        (4, 0, b"\x77" * 8, b"\xaa" * 8, 170),
        (8, 0, b"\7" * 16, b"\xaa" * 16, 170),
        (16, 0, b"\x12\x34" * 16, b"\xaa\xaa" * 16, 170),
        (8, 2, b"\7\x08\x09" * 16, b"\xaa" * 48, 170),
        (16, 2, b"\7\7\x08\x08\x09\x09" * 16, b"\xaa" * 96, 170),
    ],
)
def test_the_transparent_colour_of_a_png(bits, colour, left, right, seen):
    """The colour is stored in the bit depth of the PNG, not in 8 bits."""
    name = left[: 2 * colour or 1] if bits < 16 else left[: 3 * colour or 2]
    if bits < 16:
        numbers = [number >> 8 - bits for number in (name if colour == 0 else left[:3])]
        name = struct.pack(f">{len(numbers)}H", *numbers)

    image = read(render(_png(bits, colour, left + right, (b"tRNS", name)), Recipe(format="png")))

    image = image.convert("RGBA")
    assert image.getpixel((4, 4))[3] == 0
    assert image.getpixel((28, 4)) == (seen, seen, seen, 255)


def test_a_transparent_16_bit_grey_that_no_pixel_has():
    row = b"\x12\x34" * 16 + b"\xaa\xaa" * 16

    image = read(render(_png(16, 0, row, (b"tRNS", b"\0\3")), Recipe(format="png")))

    assert image.mode == "L"
    assert (image.getpixel((4, 4)), image.getpixel((28, 4))) == (18, 170)


@pytest.mark.parametrize("mode", ["LA", "L"])
def test_opaque_greyscale_stays_greyscale(mode):
    """So its profile still matches."""
    picture = Image.linear_gradient("L").point(lambda value: max(value, 1))
    options = {"icc_profile": grey_profile(1.0)} | ({"transparency": 0} if mode == "L" else {})
    opaque = read(render(as_file(picture, "PNG", icc_profile=grey_profile(1.0)), Recipe()))

    image = read(render(as_file(picture.convert(mode), "PNG", **options), Recipe()))

    assert image.mode == "L"
    assert image.tobytes() == opaque.tobytes()


def test_a_missing_palette_is_an_error():
    with pytest.raises(SourceUnreadable, match="palette"):
        render(_png(8, 3, bytes(32)), Recipe())


def test_greyscale_with_premultiplied_alpha():
    data = as_file(Image.new("LA", (8, 8), (100, 128)), "TIFF").getvalue()
    tag = data.index(struct.pack("<HHI", 338, 3, 1))
    data = data[: tag + 8] + b"\1\0" + data[tag + 10 :]

    image = read(render(BytesIO(data), Recipe(format="png"), WITH_TIFF))

    assert near([image.getpixel((4, 4))], [(199, 128)], by=2)


def _greyscale_tiff(bits: int, pixels: bytes, *, photometric: int = 1, kind: int = 1) -> BytesIO:
    """Return a greyscale TIFF of 4 x 1 px."""
    entries = [
        (256, 3, 4),
        (257, 3, 1),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 200),
        (277, 3, 1),
        (278, 3, 1),
        (279, 4, len(pixels)),
        (339, 3, kind),
    ]
    table = b"".join(struct.pack("<2HII", tag, type_, 1, value) for tag, type_, value in entries)
    start = b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4)
    return BytesIO(start.ljust(200, b"\0") + pixels)


@pytest.mark.parametrize(
    ("file", "greys"),
    [
        (_greyscale_tiff(12, b"\0\x08\0\xff\xff\xff"), (0, 128, 255, 255)),
        (_greyscale_tiff(16, struct.pack("<4H", 0, 32_896, 65_535, 257)), (0, 128, 255, 1)),
        (
            _greyscale_tiff(16, struct.pack("<4H", 0, 32_896, 65_535, 257), photometric=0),
            (255, 127, 0, 254),
        ),
        (_greyscale_tiff(32, struct.pack("<4I", 0, 2**30, 2**31, 2**32 - 1)), (0, 64, 128, 255)),
        (_greyscale_tiff(32, struct.pack("<4f", 0, 0.5, 1.02, 1), kind=3), (0, 128, 255, 255)),
        (_greyscale_tiff(32, struct.pack("<4f", 0, 128, 255, 64), kind=3), (0, 128, 255, 64)),
    ],
)
def test_the_tags_of_a_tiff_say_what_its_values_mean(file, greys):
    """12 bits, inverted brightness, large values and fractions."""
    image = read(render(file, Recipe(format="png"), WITH_TIFF))

    assert near([[image.getpixel((x, 0)) for x in range(4)]], [greys], by=1)
