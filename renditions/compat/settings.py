"""Settings under their old names, for old sizers and filters; read when they are looked up.

`from renditions.compat.settings import JPEG_QUAL` keeps what it was at that moment;
`settings.JPEG_QUAL` is what it is now. New code asks `django.conf.settings`.
"""

from typing import Any

from .functions import SETTINGS

QUAL = 70


def __getattr__(name: str) -> Any:
    if name not in SETTINGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return SETTINGS[name]()


def __dir__() -> list[str]:
    return sorted({*globals(), *SETTINGS})
