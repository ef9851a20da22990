"""What the processes of the smoke tests share: one folder, one database, one Valkey."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Short, so that the tests need not wait long for them.
BACKOFF_S = 1
SWEEP_EVERY_S = 1
# Longer than any test may take, so that no test succeeds by waiting for it.
LEASE_S = 60

PREFIX = "SMOKE_"


@dataclass(frozen=True, slots=True)
class Environment:
    """What the tests and the processes that they start share."""

    folder: str
    database: str  # path of an SQLite file
    broker_url: str
    cache_url: str

    @classmethod
    def of_this_process(cls) -> "Environment":
        """Return what the tests told this process in its environment variables."""
        names = cls.__dataclass_fields__
        return cls(**{name: os.environ[PREFIX + name.upper()] for name in names})

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables for a process."""
        told = {PREFIX + name.upper(): value for name, value in asdict(self).items()}
        return {"DJANGO_SETTINGS_MODULE": "tests.smoke.settings", **told}

    @property
    def media(self) -> Path:
        """The folder of originals and renditions."""
        return Path(self.folder) / "media"

    def settings(self) -> Mapping[str, Any]:
        """Return the settings that differ from those of the other tests."""
        return {
            "MEDIA_ROOT": str(self.media),
            "CACHES": {
                "default": {
                    "BACKEND": "django.core.cache.backends.redis.RedisCache",
                    "LOCATION": self.cache_url,
                }
            },
            "RENDITIONS": {
                "ON_DEMAND": False,
                "KEY_SETS": {
                    "headshot": [
                        ("watched", "filters__watched__thumbnail__64x64"),
                        ("large", "crop__120x60"),
                        ("small", "thumbnail__50x50"),
                    ],
                    "hero": [("hero", "thumbnail__100x100")],
                },
                "WORKERS": {
                    "BACKOFF_S": BACKOFF_S,
                    "SOFT_TIME_LIMIT_S": 40,
                    "HARD_TIME_LIMIT_S": 50,
                    "LEASE_S": LEASE_S,
                    "RESEND_AFTER_S": 2,
                    "MAX_QUEUED": 40,
                    "CHUNK_SIZE": 10,
                },
            },
        }
