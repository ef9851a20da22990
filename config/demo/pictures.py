"""Sample pictures, drawn by code: no download, and no rights of others."""

import io
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from django.core.files.base import ContentFile
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont, ImageOps

PixelSize = tuple[int, int]  # width and height
ORIENTATION = 0x0112  # Exif tag
TURN_CLOCKWISE = 6  # value of ORIENTATION; phones that are held upright write it

CENTRE = (0.5, 0.5)

EVENING = (
    "#27406b", "#e58a6b", "#ffe3a8", "#c4726a",
    "#96516a", "#663b62", "#3d2a50", "#21193a",
)  # fmt: skip
MORNING = (
    "#5b93ad", "#b9d9d2", "#fdf3d6", "#9cc0a8",
    "#6c9f8c", "#437a6f", "#285a57", "#143a40",
)  # fmt: skip


def sample_pictures() -> Iterator[tuple[str, ContentFile, tuple[float, float]]]:
    """Draw each picture; give its title, its file and its focal point."""
    yield (
        "Evening over the dunes",
        _jpeg("dunes.jpg", _dunes((2400, 1600), EVENING, 3)),
        (0.68, 0.38),
    )
    yield "Tide", _jpeg("tide.jpg", _tide((1800, 1800))), (0.35, 0.4)
    yield "Type specimen", _png("type.png", _specimen((1500, 2000))), (0.45, 0.3)
    yield "Night ferry", _webp("ferry.webp", _harbour((2800, 1400))), (0.3, 0.6)
    yield "Paper cut", _png("paper.png", _paper((1600, 1600))), CENTRE
    yield (
        "Upright, as a phone stores it",
        _phone("phone.jpg", _dunes((1500, 2000), MORNING, 7)),
        (0.68, 0.38),
    )


def _jpeg(name: str, image: Image.Image, **options: Any) -> ContentFile:
    return _file(name, image, "JPEG", quality=90, **options)


def _png(name: str, image: Image.Image) -> ContentFile:
    return _file(name, image, "PNG", compress_level=1)


def _webp(name: str, image: Image.Image) -> ContentFile:
    return _file(name, image, "WEBP", quality=88, method=0)


def _phone(name: str, image: Image.Image) -> ContentFile:
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_CLOCKWISE
    return _jpeg(name, image.transpose(Image.Transpose.ROTATE_90), exif=exif)


def _file(name: str, image: Image.Image, image_format: str, **options: Any) -> ContentFile:
    data = io.BytesIO()
    image.save(data, image_format, **options)
    return ContentFile(data.getvalue(), name)


def _sky(size: PixelSize, top: str, middle: str, bottom: str) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((1, size[1]), Image.Resampling.BICUBIC)
    return ImageOps.colorize(ramp, top, bottom, middle).resize(size)


def _glow(size: PixelSize, centre: tuple[float, float], radius: int, strength: int) -> Image.Image:
    """Return a mask that has the value `strength` at `centre` and fades to 0 at `radius` px."""
    light = Image.radial_gradient("L").point(
        # Pillow's gradient is 0 in the centre and 255 in the corners, so 181 at the circle's edge.
        lambda value: round(strength * (max(0, 181 - value) / 181) ** 1.6)
    )
    mask = Image.new("L", size)
    corner = (round(centre[0] * size[0]) - radius, round(centre[1] * size[1]) - radius)
    mask.paste(light.resize((radius * 2, radius * 2), Image.Resampling.BICUBIC), corner)
    return mask


def _ridge(size: PixelSize, base: float, wave: Callable[[float], float]) -> list[tuple[int, int]]:
    """Return a polygon: the top of a hill from edge to edge, then the bottom corners."""
    width, height = size
    line = [(x, round(height * (base + wave(x / width)))) for x in range(0, width + 8, 8)]
    return [*line, (width, height), (0, height)]


def _dunes(size: PixelSize, colours: tuple[str, ...], seed: int) -> Image.Image:
    """Draw hills in the light of a low sun. `colours`: three of the sky, then one for each hill."""
    picture = _sky(size, *colours[:3])
    sun, radius = (0.68, 0.38), min(size) // 11
    picture.paste("#fff1c9", mask=_glow(size, sun, radius * 6, 210))
    x, y = round(sun[0] * size[0]), round(sun[1] * size[1])
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), "#fff6dd")
    pen, chance = ImageDraw.Draw(picture), random.Random(seed)  # noqa: S311 the same picture each time
    for step, colour in enumerate(colours[3:]):
        phase, pace = chance.random() * 6, 4 + chance.random() * 4
        height = 0.03 + 0.012 * step

        def wave(x: float, phase: float = phase, pace: float = pace, high: float = height) -> float:
            return high * math.sin(pace * x + phase) + high / 3 * math.sin(3.1 * pace * x)

        pen.polygon(_ridge(size, 0.52 + 0.105 * step, wave), colour)
    return picture


def _tide(size: PixelSize) -> Image.Image:
    shallow, deep = ImageColor.getrgb("#d3ecd2"), ImageColor.getrgb("#06384f")
    picture = Image.new("RGB", size, deep)
    pen = ImageDraw.Draw(picture)
    rings = 38
    for ring in range(rings, 0, -1):
        depth = (ring / rings) ** 0.7 + (0.05 if ring % 2 else -0.05)
        colour = tuple(
            round(a + (b - a) * min(1, depth)) for a, b in zip(shallow, deep, strict=True)
        )
        reach = ring * size[0] // 36
        x, y = round(size[0] * 0.35), round(size[1] * 0.4)
        pen.ellipse((x - reach, y - reach * 4 // 5, x + reach, y + reach * 4 // 5), colour)
    picture.paste("#fff3d1", mask=_glow(size, (0.35, 0.4), size[0] // 3, 230))
    return picture


def _specimen(size: PixelSize) -> Image.Image:
    picture = Image.new("RGB", size, "#f1ead9")
    pen = ImageDraw.Draw(picture)
    width, height = size
    pen.rectangle((0, round(height * 0.62), width, height), "#d7432e")
    pen.ellipse((width * 0.52, height * 0.05, width * 0.94, height * 0.365), "#1e3a5f")
    pen.text((width * 0.06, height * 0.03), "Rg", "#14130f", _letters(width * 0.66))
    pen.text((width * 0.07, height * 0.64), "0123456789", "#f1ead9", _letters(width * 0.14))
    pen.text((width * 0.07, height * 0.755), "crop & thumbnail", "#14130f", _letters(width * 0.1))
    for line in range(7):
        y = height * (0.87 + 0.015 * line)
        pen.line((width * 0.07, y, width * 0.93, y), "#f1ead9", 1 + line)
    return picture


def _letters(height: float) -> Any:
    return ImageFont.load_default(height)


def _harbour(size: PixelSize) -> Image.Image:
    picture = _sky(size, "#050a1c", "#122a4d", "#274a66")
    width, height = size
    horizon = round(height * 0.6)
    pen, chance = ImageDraw.Draw(picture), random.Random(11)  # noqa: S311
    for _ in range(260):
        x, y, r = chance.randrange(width), chance.randrange(horizon), chance.choice((1, 1, 2, 3))
        pen.ellipse((x - r, y - r, x + r, y + r), "#dfe9f5")
    for x in range(0, width, 46):
        top = horizon - round(height * (0.03 + 0.13 * chance.random() ** 2))
        pen.rectangle((x, top, x + 44, horizon), "#0a1226")
        for y in range(top + 10, horizon - 8, 18):
            if chance.random() < 0.45:
                lamp = chance.choice(("#ffd27a", "#ffb45e", "#fff0c4"))
                pen.rectangle((x + 10, y, x + 18, y + 8), lamp)
    mirrored = ImageOps.flip(picture.crop((0, horizon - (height - horizon), width, horizon)))
    water = mirrored.filter(ImageFilter.BoxBlur(7)).point(lambda value: value * 3 // 5)
    picture.paste(water, (0, horizon))
    _ferry(picture, (round(width * 0.3), horizon))
    return picture


def _ferry(picture: Image.Image, at: tuple[int, int]) -> None:
    x, y = at
    picture.paste("#ffce7d", mask=_glow(picture.size, (0.3, 0.6), picture.height // 3, 120))
    pen = ImageDraw.Draw(picture)
    pen.polygon([(x - 300, y), (x + 320, y), (x + 250, y + 80), (x - 250, y + 80)], "#e8edf0")
    pen.rectangle((x - 210, y - 60, x + 190, y), "#f5f7f4")
    pen.rectangle((x - 120, y - 110, x + 110, y - 60), "#dfe5e4")
    funnel = [(x + 20, y - 190), (x + 70, y - 190), (x + 80, y - 110), (x + 10, y - 110)]
    pen.polygon(funnel, "#c8402d")
    for window in range(x - 190, x + 170, 44):
        pen.rectangle((window, y - 42, window + 26, y - 20), "#ffcf70")


def _paper(size: PixelSize) -> Image.Image:
    """Draw a picture with transparent corners: its renditions must have them, too."""
    picture = Image.new("RGBA", size)
    pen = ImageDraw.Draw(picture)
    colours = ("#123a4a", "#1d6a72", "#57a48d", "#b9cf8d", "#f2d98b", "#ef9a5c", "#d95d4b")
    middle = size[0] / 2
    for layer, colour in enumerate(colours):
        reach = middle * (0.98 - 0.135 * layer)
        outline = []
        for degree in range(0, 360, 2):
            turn = math.radians(degree)
            r = reach * (0.93 + 0.07 * math.sin(7 * turn + layer * 0.9))
            outline.append((middle + r * math.cos(turn), middle + r * math.sin(turn)))
        pen.polygon(outline, colour)
    return picture
