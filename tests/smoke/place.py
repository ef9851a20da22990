"""Where a smoke test's processes meet: one folder, one database, one Valkey."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Seconds. Short, so that the tests see each of them pass.
SOFT_TIME_LIMIT_S = 3
HARD_TIME_LIMIT_S = 4
# Long: no test that ends in time waited for it.
LEASE_S = 60
BACKOFF_S = 1
RESEND_AFTER_S = 2
SWEEP_EVERY_S = 1
MAX_ATTEMPTS = 2

PREFIX = "SMOKE_"


@dataclass(frozen=True, slots=True)
class Place:
    """What the tests and the processes that they start have in common."""

    folder: str  # for files of all kinds
    database: str  # SQLite file
    broker_url: str
    cache_url: str

    @classmethod
    def of_this_process(cls) -> "Place":
        """Return the place that the tests gave to this process."""
        names = cls.__dataclass_fields__
        return cls(**{name: os.environ[PREFIX + name.upper()] for name in names})

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that tell a process."""
        told = {PREFIX + name.upper(): value for name, value in asdict(self).items()}
        return {"DJANGO_SETTINGS_MODULE": "tests.smoke.settings", **told}

    @property
    def media(self) -> Path:
        """Originals and renditions."""
        return Path(self.folder) / "media"

    def settings(self, **workers: int) -> Mapping[str, Any]:
        """Settings that differ from those of the other tests.

        Args:
            workers: Values of RENDITIONS["WORKERS"] other than those above.
        """
        return {
            "MEDIA_ROOT": str(self.media),
            "CACHES": {
                "default": {
                    "BACKEND": "django.core.cache.backends.redis.RedisCache",
                    "LOCATION": self.cache_url,
                }
            },
            "RENDITIONS": {
                "WORKERS": {
                    "MAX_ATTEMPTS": MAX_ATTEMPTS,
                    "BACKOFF_S": BACKOFF_S,
                    "SOFT_TIME_LIMIT_S": SOFT_TIME_LIMIT_S,
                    "HARD_TIME_LIMIT_S": HARD_TIME_LIMIT_S,
                    "LEASE_S": LEASE_S,
                    "RESEND_AFTER_S": RESEND_AFTER_S,
                    "MAX_QUEUED": 40,
                    "CHUNK_SIZE": 10,
                    **workers,
                }
            },
            "VERSATILEIMAGEFIELD_RENDITION_KEY_SETS": {
                "headshot": [
                    ("watched", "filters__watched__thumbnail__64x64"),
                    ("large", "crop__120x60"),
                    ("small", "thumbnail__50x50"),
                ],
                "hero": [("hero", "thumbnail__100x100")],
            },
        }
