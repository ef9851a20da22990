"""What the library's own tests share."""

from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from PIL import Image

from renditions.registry import versatileimagefield_registry
from tests.app.models import Card


class CountingStorage(FileSystemStorage):
    """Counts what it is asked."""

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
def registry() -> Iterator:
    """Return the registry, which is afterwards what it was."""
    before = versatileimagefield_registry.snapshot()
    yield versatileimagefield_registry
    versatileimagefield_registry.restore(before)


@pytest.fixture
def on_demand(configure) -> None:
    """Make renditions when they are asked for."""
    configure(ON_DEMAND=True)


@pytest.fixture
def card(db, picture: Callable[..., ContentFile]) -> Card:
    """Return a saved card with a picture of 320x200 at `cards/a.jpg`."""
    return Card.objects.create(title="one", image=picture("a.jpg"))


@pytest.fixture
def field_storage(monkeypatch) -> Callable:
    """Return a function that gives a field of Card another storage for this test."""

    def give(name: str, storage):
        monkeypatch.setattr(Card._meta.get_field(name), "storage", storage)
        return storage

    return give


def opened(storage, path: str) -> Image.Image:
    """Return the picture at `path`, wholly read."""
    with storage.open(path) as file:
        image = Image.open(BytesIO(file.read()))
        image.load()
    return image


def close_to(colour, wanted, by: int = 12) -> bool:
    """Whether two colours differ by no more than a JPEG may make them."""
    return all(abs(a - b) <= by for a, b in zip(colour[:3], wanted, strict=True))
