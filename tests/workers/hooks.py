"""A filter that runs code of a test in the middle of a warm, like a filter of a project."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from PIL import Image

from renditions.imaging.filters import Filter
from renditions.registry import versatileimagefield_registry

# One rendition before the hook and one after it.
KEY_SET = [
    ("before", "crop__40x40"),
    ("hooked", "filters__hook__crop__30x30"),
    ("after", "thumbnail__20x20"),
]


class Hook(Filter):
    """Leaves the pixels unchanged, and calls the action of the test."""

    action: ClassVar[Callable[[], Any]] = staticmethod(lambda: None)
    calls: ClassVar[int] = 0

    def apply(self, image: Image.Image) -> Image.Image:
        type(self).calls += 1
        type(self).action()
        return image


@contextmanager
def hooked(settings: Any) -> Iterator[type[Hook]]:
    """Let people have one rendition before the hook, one with it and one after it."""
    sets = {**settings.RENDITIONS["KEY_SETS"], "headshot": KEY_SET}
    settings.RENDITIONS = {**settings.RENDITIONS, "KEY_SETS": sets}
    Hook.action, Hook.calls = staticmethod(lambda: None), 0
    versatileimagefield_registry.register_filter("hook", Hook)
    try:
        yield Hook
    finally:
        versatileimagefield_registry.unregister_filter("hook")


def does(action: Callable[[], Any], *, once: bool = True) -> None:
    """Let the hook run `action`, by default only the first time."""

    def act() -> None:
        if once:
            Hook.action = staticmethod(lambda: None)
        action()

    Hook.action = staticmethod(act)


def raises(error: BaseException, *, once: bool = True) -> None:
    """Let the hook raise `error`, by default only the first time."""

    def fail() -> None:
        raise error

    does(fail, once=once)
