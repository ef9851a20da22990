"""Fixtures for all tests."""

from collections.abc import Callable, Generator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.core.cache import caches
from django.core.files.base import ContentFile
from PIL import Image

from renditions.outages import Outage
from renditions.planning.registry import Registry
from renditions.registry import registry as registered
from tests.app.models import Card
from tests.heif import as_heif
from tests.service import processes, servers
from workers.conf import CELERY

# Without a broker, messages stay in the memory of this process.
app = Celery("tests", broker="memory://", config_source=CELERY, set_as_current=True)
# In all threads; `set_as_current` holds for this one only.
app.set_default()

CORNERS = {"red": (0, 0), "lime": (1, 0), "blue": (0, 1), "yellow": (1, 1)}


def four_corners(width: int, height: int, file_format: str = "JPEG") -> bytes:
    """Return a picture with four different quarters, so that no two can be swapped unseen.

    They are red and lime at the top, blue and yellow below.
    """
    picture = Image.new("RGB", (width, height))
    for colour, (x, y) in CORNERS.items():
        box = (x * width // 2, y * height // 2, (x + 1) * width // 2, (y + 1) * height // 2)
        picture.paste(colour, box)
    if file_format == "HEIC":
        return as_heif(picture, quality=95)
    buffer = BytesIO()
    picture.save(buffer, file_format, quality=95)
    return buffer.getvalue()


def hole(width: int, height: int) -> bytes:
    """Return a PNG of a blue frame around a transparent hole."""
    picture = Image.new("RGBA", (width, height), "blue")
    box = (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
    picture.paste((0, 0, 0, 0), box)
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def picture() -> Callable[..., ContentFile]:
    """A function that returns a file to upload: a picture with four different corners."""

    def make(name: str = "a.jpg", width: int = 320, height: int = 200) -> ContentFile:
        extension = Path(name).suffix.lstrip(".").upper() or "JPEG"
        return ContentFile(
            four_corners(width, height, "JPEG" if extension == "JPG" else extension), name=name
        )

    return make


@pytest.fixture
def registry() -> Iterator[Registry]:
    """The registry; its registrations are restored after the test."""
    before = registered.snapshot()
    yield registered
    registered.restore(before)


@pytest.fixture
def on_demand(configure) -> None:
    """Let an access to `url` or `name` make the rendition."""
    configure(ON_DEMAND=True)


@pytest.fixture
def card(db, picture: Callable[..., ContentFile]) -> Card:
    """Return a saved card with a picture of 320x200 at `cards/a.jpg`."""
    return Card.objects.create(title="one", image=picture("a.jpg"))


@pytest.fixture(autouse=True)
def _no_outages() -> None:
    """Let each test be the first that finds a server away."""
    for outage in list(Outage.all_on):
        outage.forget()


@pytest.fixture(autouse=True)
def _fresh_media(tmp_path: Path, settings) -> Iterator[None]:
    settings.MEDIA_ROOT = tmp_path / "media"
    yield
    caches["default"].clear()


@pytest.fixture
def configure(settings) -> Callable[..., None]:
    """Return a function that changes keys of RENDITIONS for this test, and keeps the others."""

    def change(**values: Any) -> None:
        settings.RENDITIONS = {**settings.RENDITIONS, **values}

    return change


@pytest.fixture(scope="session")
def valkey() -> Iterator[servers.Valkey]:
    """A real Valkey server, shared by all tests of the session."""
    with servers.valkey() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, Any]]:
    """The address of a real PostgreSQL server, shared by all tests of the session."""
    with servers.postgres() as address:
        yield address


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs of all processes that the tests have started to the report of a failed test."""
    report = yield
    if report.failed:
        report.sections += [(f"Log of {name}", text) for name, text in processes.logs().items()]
    return report
