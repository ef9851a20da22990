"""System checks of sizers and filters written for the old package."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from renditions import conf
from renditions.compat.adapters import LegacyFilter, LegacySizer
from renditions.imaging.geometry import CENTRE
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet, RenditionKey
from renditions.planning.plans import Original, plan_key

# No file of this name is opened.
_SAMPLE = Original("", "", "any/name.jpg", CENTRE)


@register
def check_own_names(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that sizers and filters that name their files can do so before they are made."""
    faults = dict(_faults())
    return [
        Error(
            fault,
            hint="Let the name depend only on the path of the original, the size, the focal point "
            "and settings, and return an object with `name` and `url`. Or remove the rendition "
            "from the key sets: `image.<sizer>[...]` works without them.",
            id="renditions.E021",
        )
        for fault in faults.values()
    ]


def _faults() -> Iterator[tuple[object, str]]:
    """Yield the first fault of each sizer and filter."""
    for name in conf.key_set_names():
        try:
            keys = conf.key_set(name).keys
        except (InvalidSizeKey, InvalidSizeKeySet):
            # check_key_sets reports it.
            continue
        for key in keys:
            fault = None if key.is_original else _fault(key)
            if fault:
                yield (key.sizer, key.filter if key.sizer is None else None), f"{key}: {fault}"


def _fault(key: RenditionKey) -> str | None:
    first, second = (plan_key(_SAMPLE, key, conf.style(key)) for _ in range(2))
    adapter = first.recipe.sizer or first.recipe.filter
    if isinstance(adapter, LegacySizer) and key.size:
        fault = adapter.fault(key.size.pixels, CENTRE)
    elif isinstance(adapter, LegacyFilter):
        fault = adapter.fault()
    else:
        return None
    if fault is None and first.path != second.path:
        return (
            f"{adapter.cls.__name__} gives another name each time: "
            f"{first.path!r}, then {second.path!r}."
        )
    return fault
