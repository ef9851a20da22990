"""Settings of the processes that the smoke tests start."""

from contextlib import suppress

from tests.settings import *  # noqa: F403

from .place import Place

_place = Place.of_this_process()
globals().update(_place.settings())
# What this process keeps lies at the place. An old folder of the same number may hold something.
with suppress(OSError):
    BASE.rmdir()  # noqa: F405

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _place.database,
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
