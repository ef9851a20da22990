"""What became of a picture, as a visitor sees it: files, pixels, records, and what is owed."""

from pathlib import Path

from django.db.models import QuerySet
from PIL import Image

from renditions import conf
from renditions.engine.status import survey
from renditions.records import Recorder, RecordState
from tests.app.models import Person
from tests.conftest import CORNERS
from workers.models import JobState, WarmJob

COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
# Of 255, in each channel: JPEG is not exact.
TOLERANCE = 40


def all_made(*people: Person) -> bool:
    """Whether nothing is owed to any of `people`."""
    return not jobs_of(*people).exists()


def jobs_of(*people: Person) -> QuerySet[WarmJob]:
    """The rows of `people`."""
    return WarmJob.objects.filter(object_pk__in=[str(person.pk) for person in people])


def failed(person: Person) -> WarmJob | None:
    """The row of `person`, once it has failed."""
    return jobs_of(person).filter(state=JobState.FAILED).first()


def assert_all_made(person: Person, media: Path) -> None:
    """Each declared rendition is a whole picture with its corners in place, and known as made."""
    plans = person.headshot.plans()
    assert len(plans) == len(conf.key_set("headshot").keys)
    for status in survey(person.headshot.storage, plans):
        assert corners(media / status.plan.path) == list(CORNERS), status.plan.path
        assert status.is_made, (status.plan.path, status.reason)


def recorded(person: Person) -> set[RecordState]:
    """Which states the records of `person` have; fails where one has none."""
    plans = person.headshot.plans()
    records = Recorder(conf.store()).recall(plans)
    return {records[plan.path].state for plan in plans}


def corners(path: Path) -> list[str]:
    """Return the colours of the corners: top left, top right, bottom left, bottom right."""
    with Image.open(path) as image:
        pixels = image.convert("RGB")
    right, bottom = pixels.width - 3, pixels.height - 3
    places = [(2, 2), (right, 2), (2, bottom), (right, bottom)]
    return [_name(pixels.getpixel(place)) for place in places]


def rendition_files(media: Path) -> set[str]:
    """Return what lies under `media` and is no original."""
    files = (str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())
    return {name for name in files if "__sized__" in name or "__filtered__" in name}


def _name(pixel: tuple[int, int, int]) -> str:
    for name, colour in COLOURS.items():
        if all(abs(a - b) <= TOLERANCE for a, b in zip(pixel, colour, strict=True)):
            return name
    return str(pixel)
