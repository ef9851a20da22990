"""Pictures of an old project. No two corners are alike, so a test sees each mirrored picture."""

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

NAMES = (
    "grey.jpg", "landscape.jpg", "noext", "palette.gif", "portrait-turned.jpg", "portrait.jpeg",
    "see-through.png", "upside-down.JPG", "web.webp",
)  # fmt: skip
_ORIENTATION = 0x0112


def draw_into(folder: Path) -> None:
    """Write one picture for each name into `folder`."""
    folder.mkdir()
    wide, high = _scene(640, 400), _scene(300, 500)
    wide.convert("L").save(folder / "grey.jpg", quality=92)
    wide.save(folder / "landscape.jpg", quality=92)
    wide.save(folder / "noext", "JPEG", quality=92)
    wide.resize((160, 100)).quantize(64).save(folder / "palette.gif")
    _save_turned(high, folder / "portrait-turned.jpg", 6)
    high.save(folder / "portrait.jpeg", quality=92, progressive=True)
    see_through = wide.convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize(wide.size))
    see_through.save(folder / "see-through.png")
    _save_turned(wide, folder / "upside-down.JPG", 3)
    wide.save(folder / "web.webp", quality=90)


def _save_turned(image: Image.Image, path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    image.save(path, "JPEG", exif=exif, quality=92)


def _scene(width: int, height: int) -> Image.Image:
    """Return soft shapes on a gradient; each call gives the same picture."""
    numbers = random.Random(width)
    ramp = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", (ramp, ramp.transpose(Image.Transpose.ROTATE_180), ramp))
    draw = ImageDraw.Draw(image)
    for _ in range(30):
        x, y, r = numbers.randrange(width), numbers.randrange(height), numbers.randrange(10, 60)
        colour = tuple(numbers.randrange(256) for _ in range(3))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    return image.filter(ImageFilter.GaussianBlur(2))
