"""Pictures that show their number, also in all of their renditions."""

from functools import lru_cache
from io import BytesIO

from PIL import Image

from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.sizers import Crop
from renditions.planning.plans import RenditionPlan

WIDTH, HEIGHT = 320, 240
LEVELS = (10, 90, 170, 250)  # of a colour channel; far apart, because JPEG changes them a little
QUARTERS = 4


def colours(number: int) -> list[tuple[int, int, int]]:
    """Return the colours of the quarters of picture `number`: its 4 digits in base 64."""
    digits = [LEVELS[(number >> (2 * place)) % len(LEVELS)] for place in range(3 * QUARTERS)]
    return [tuple(digits[3 * quarter : 3 * quarter + 3]) for quarter in range(QUARTERS)]  # type: ignore[misc]


@lru_cache(maxsize=512)
def drawn(number: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """Return picture `number` as a JPEG.

    Every crop of the run shows a part of each quarter, for any focal point.
    """
    picture = Image.new("RGB", (width, height))
    for quarter, colour in enumerate(colours(number)):
        left, top = quarter % 2 * width // 2, quarter // 2 * height // 2
        picture.paste(colour, (left, top, left + width // 2, top + height // 2))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def fault_of(data: bytes, plan: RenditionPlan, number: int) -> str | None:
    """Return the fault of a rendition of picture `number`: `half-written`, `wrong` or None."""
    try:
        with Image.open(BytesIO(data)) as opened:
            picture = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError):
        return "half-written"
    if picture.size != _size(plan).as_tuple or not _shows(picture, plan, number):
        return "wrong"
    return None


def _size(plan: RenditionPlan) -> Size:
    recipe = plan.recipe
    assert recipe.size
    point: FocalPoint = recipe.ppoi
    source = Size(WIDTH, HEIGHT)
    return (recipe.sizer or Crop()).cut(source, recipe.size, point).size


def _shows(picture: Image.Image, plan: RenditionPlan, number: int) -> bool:
    right, bottom = picture.width - 3, picture.height - 3
    seen = [picture.getpixel(at) for at in ((2, 2), (right, 2), (2, bottom), (right, bottom))]
    wanted = colours(number)
    if plan.key.filter == "invert":
        wanted = [tuple(255 - value for value in colour) for colour in wanted]  # type: ignore[misc]
    return all(
        abs(a - b) < 40
        for mine, theirs in zip(wanted, seen, strict=True)
        for a, b in zip(mine, theirs, strict=True)
    )
