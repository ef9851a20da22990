"""Which rendition stands for a picture in a list of the admin."""

from renditions.imaging.geometry import Size

from .progress import Progress, RenditionProgress

# A thumbnail is shown in a box of this size, px. A smaller rendition would be blurred.
WIDTH, HEIGHT = 80, 60

# For `format_html`: an address and a text.
IMAGE = '<img class="rendition-thumbnail" src="{}" alt="{}" loading="lazy">'


def thumbnail_of(progress: Progress) -> str:
    """Return the URL of the best rendition that is made; empty if there is none."""
    candidates = [each for each in shown(progress) if each.key.size]
    return min(candidates, key=_rank).url if candidates else ""


def shown(progress: Progress) -> list[RenditionProgress]:
    """Return the renditions that a page can show."""
    return [each for each in progress.renditions if each.is_made and each.url]


def _rank(rendition: RenditionProgress) -> tuple[bool, bool, int]:
    """Return a value that is the least for the best thumbnail.

    The smallest one that fills the box, without a filter; or else the largest one that does not.
    """
    assert rendition.key.size is not None
    box = rendition.key.size.pixels
    if rendition.key.size.is_open:
        # Of the other side nothing is known: take a square.
        box = Size(min(box.as_tuple), min(box.as_tuple))
    fills = box.width >= WIDTH or box.height >= HEIGHT
    area = box.width * box.height
    return not fills, rendition.key.filter is not None, area if fills else -area
