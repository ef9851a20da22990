"""Fixtures that every test may use."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.core.cache import caches
from django.core.files.base import ContentFile
from PIL import Image

from tests import servers
from workers.conf import CELERY

# Messages of tests without a worker go into this process's memory.
app = Celery("tests", broker="memory://", config_source=CELERY, set_as_current=True)
# In every thread, not in this one only.
app.set_default()

CORNERS = {"red": (0, 0), "lime": (1, 0), "blue": (0, 1), "yellow": (1, 1)}


def four_corners(width: int, height: int, file_format: str = "JPEG") -> bytes:
    """Return a picture whose quarters are red, lime / blue, yellow: nothing can be swapped."""
    picture = Image.new("RGB", (width, height))
    for colour, (x, y) in CORNERS.items():
        box = (x * width // 2, y * height // 2, (x + 1) * width // 2, (y + 1) * height // 2)
        picture.paste(colour, box)
    buffer = BytesIO()
    picture.save(buffer, file_format, quality=95)
    return buffer.getvalue()


@pytest.fixture
def picture() -> Callable[..., ContentFile]:
    """Return a maker of upload-able pictures with four different corners."""

    def make(name: str = "a.jpg", width: int = 320, height: int = 200) -> ContentFile:
        extension = Path(name).suffix.lstrip(".").upper() or "JPEG"
        return ContentFile(
            four_corners(width, height, "JPEG" if extension == "JPG" else extension), name=name
        )

    return make


@pytest.fixture(autouse=True)
def _fresh_media(tmp_path: Path, settings) -> Iterator[None]:
    settings.MEDIA_ROOT = tmp_path / "media"
    yield
    caches["default"].clear()


@pytest.fixture(scope="session")
def valkey() -> Iterator[servers.Valkey]:
    """Return a real Valkey server that all tests of the session share."""
    with servers.valkey() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, Any]]:
    """Return how to connect to a real PostgreSQL server that all tests of the session share."""
    with servers.postgres() as address:
        yield address
