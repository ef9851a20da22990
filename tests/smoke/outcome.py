"""The result of a save: files, pixels, records and ledger rows."""

from pathlib import Path

from django.db.models import QuerySet
from PIL import Image

from renditions import conf
from renditions.engine.status import survey
from tests.app.models import Person
from tests.conftest import CORNERS
from workers.models import WarmJob

COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
# Of 255, in each channel: JPEG loses some of a colour.
TOLERANCE = 40


def all_made(*people: Person) -> bool:
    """Whether the ledger has no row for any of `people`."""
    return not jobs_of(*people).exists()


def jobs_of(*people: Person) -> QuerySet[WarmJob]:
    """Return the ledger rows of `people`."""
    return WarmJob.objects.filter(object_pk__in=[str(person.pk) for person in people])


def assert_all_made(person: Person, media: Path) -> None:
    """Check that each declared rendition is a whole picture with the right corners and a record."""
    plans = person.headshot.plans()
    assert len(plans) == len(conf.key_set("headshot").keys)
    for status in survey(person.headshot.storages, plans):
        assert corners(media / status.plan.path) == list(CORNERS), status.plan.path
        assert status.is_made, (status.plan.path, status.reason)


def corners(path: Path) -> list[str]:
    """Return the colours of the corners: top left, top right, bottom left, bottom right."""
    with Image.open(path) as image:
        pixels = image.convert("RGB")
    right, bottom = pixels.width - 3, pixels.height - 3
    points = [(2, 2), (right, 2), (2, bottom), (right, bottom)]
    return [_name(pixels.getpixel(point)) for point in points]


def _name(pixel: tuple[int, int, int]) -> str:
    for name, colour in COLOURS.items():
        if all(abs(a - b) <= TOLERANCE for a, b in zip(pixel, colour, strict=True)):
            return name
    return str(pixel)
