"""Pictures whose pixels are known, and readers that do not use our code."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import RenderedImage, open_picture
from renditions.imaging.sources import Limits

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 180, 60), (40, 60, 210), (240, 220, 40)
# Top left, top right, bottom left, bottom right.
CORNERS = (RED, GREEN, BLUE, YELLOW)


def four_corners(width: int, height: int, colours: Sequence[Any] = CORNERS) -> Image.Image:
    """Return a picture whose quarters have four colours."""
    mode = "RGB" if isinstance(colours[0], tuple) and len(colours[0]) == 3 else "RGBA"
    image = Image.new(mode, (width, height))
    draw = ImageDraw.Draw(image)
    middle, centre = width // 2, height // 2
    draw.rectangle((0, 0, middle, centre), colours[0])
    draw.rectangle((middle, 0, width, centre), colours[1])
    draw.rectangle((0, centre, middle, height), colours[2])
    draw.rectangle((middle, centre, width, height), colours[3])
    return image


def gradient(width: int, height: int) -> Image.Image:
    """Return a smooth picture in which every point has another colour."""
    x_gradient = Image.linear_gradient("L").rotate(90).resize((width, height))
    y_gradient = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", [x_gradient, y_gradient, Image.blend(x_gradient, y_gradient, 0.5)])


def photograph(width: int, height: int) -> Image.Image:
    """Return a picture with detail at every scale, the same each time."""
    draw = ImageDraw.Draw(image := gradient(width, height))
    for i in range(400):
        x, y, radius = i * 7919 % width, i * 104_729 % height, 3 + i * 31 % (width // 12)
        colour = (i * 53 % 256, i * 97 % 256, i * 193 % 256)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=3)
    return image.filter(ImageFilter.GaussianBlur(1.2))  # as soft as a lens


def as_file(image: Image.Image, format_name: str, **options: Any) -> BytesIO:
    file = BytesIO()
    image.save(file, format_name, **options)
    file.seek(0)
    return file


def with_orientation(image: Image.Image, orientation: int, format_name: str = "JPEG") -> BytesIO:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return as_file(
        image, format_name, exif=exif, **({"quality": 95} if format_name == "JPEG" else {})
    )


def render(file: BytesIO, recipe: Recipe, limits: Limits | None = None) -> RenderedImage:
    with open_picture(file, [recipe], limits or Limits()) as picture:
        return picture.render(recipe)


def read(rendered: RenderedImage | bytes) -> Image.Image:
    """Return the picture as Pillow reads it."""
    image = Image.open(BytesIO(rendered if isinstance(rendered, bytes) else rendered.data))
    image.load()
    return image


def corners_of(image: Image.Image, inset: float = 0.1) -> list[tuple[int, ...]]:
    """Return the colours near the four corners, in the order of `CORNERS`."""
    x, y = int(image.width * inset), int(image.height * inset)
    right, bottom = image.width - 1 - x, image.height - 1 - y
    found = [image.getpixel(at) for at in ((x, y), (right, y), (x, bottom), (right, bottom))]
    return [colour if isinstance(colour, tuple) else (int(colour or 0),) for colour in found]


def near(found: Sequence[Sequence[float]], wanted: Sequence[Sequence[float]], by: float) -> bool:
    """Whether no channel of any colour is off by more than `by`."""
    return all(
        abs(a - b) <= by
        for one, other in zip(found, wanted, strict=True)
        for a, b in zip(one, other, strict=True)
    )
