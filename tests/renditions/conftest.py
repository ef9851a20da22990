"""Fixtures for the tests of the library."""

from collections import Counter
from collections.abc import Callable
from io import BytesIO

import pytest
from django.core.files.storage import FileSystemStorage
from PIL import Image

from tests.app.models import Card


class CountingStorage(FileSystemStorage):
    """A folder that counts the calls of its methods."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.calls: Counter[str] = Counter()

    def _counted(name):  # type: ignore[misc]  # noqa: N805
        def call(self, *args, **kwargs):
            self.calls[name] += 1
            return getattr(FileSystemStorage, name)(self, *args, **kwargs)

        return call

    exists = _counted("exists")
    open = _counted("open")
    delete = _counted("delete")
    listdir = _counted("listdir")
    size = _counted("size")
    get_modified_time = _counted("get_modified_time")


@pytest.fixture
def field_storage(monkeypatch) -> Callable:
    """Return a function that sets the storage of a field of Card for this test."""

    def give(name: str, storage):
        monkeypatch.setattr(Card._meta.get_field(name), "storage", storage)
        return storage

    return give


def opened(storage, path: str) -> Image.Image:
    """Return the decoded picture at `path`."""
    with storage.open(path) as file:
        image = Image.open(BytesIO(file.read()))
        image.load()
    return image


def close_to(colour, wanted, by: int = 12) -> bool:
    """Whether two colours differ by no more than JPEG compression explains."""
    return all(abs(a - b) <= by for a, b in zip(colour[:3], wanted, strict=True))
