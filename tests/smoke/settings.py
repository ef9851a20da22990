"""The settings of the smoke tests' workers and beat."""

from contextlib import suppress

from tests.settings import *  # noqa: F403

from .environment import Environment

_environment = Environment.of_this_process()
globals().update(_environment.settings())
# tests.settings makes a folder for this process, which keeps its files elsewhere. The folder is not
# empty where an earlier process had the same id: leave it then.
with suppress(OSError):
    BASE.rmdir()  # noqa: F405

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _environment.database,
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
