"""What the processes of a run share; each reads it from an environment variable."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

VARIABLE = "CHAOS_ENVIRONMENT"


@dataclass(frozen=True, slots=True)
class Environment:
    """Addresses, settings and faults of a run."""

    folder: str
    database: Mapping[str, Any]  # as in DATABASES
    broker_url: str
    cache_url: str
    workers: Mapping[str, Any] = field(default_factory=dict)  # RENDITIONS["WORKERS"]
    storage: Mapping[str, Any] = field(default_factory=dict)  # as in STORAGES
    celery: Mapping[str, Any] = field(default_factory=dict)
    hooks: tuple[str, ...] = ()  # faults inside the processes, see hooks.py
    without: tuple[str, ...] = ()  # guards that are taken out, see guards.py

    @classmethod
    def of_this_process(cls) -> "Environment":
        """Return what the run told this process."""
        return cls(**json.loads(os.environ[VARIABLE]))

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables for a process."""
        return {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            VARIABLE: json.dumps(asdict(self)),
        }

    @property
    def media(self) -> Path:
        """The folder of originals and renditions."""
        return Path(self.folder) / "media"

    @property
    def trouble(self) -> Path:
        """A file that says what the storage does wrong; no file: nothing."""
        return Path(self.folder) / "trouble.json"

    @property
    def more_keys(self) -> Path:
        """A file that makes the key sets grow as soon as it exists."""
        return Path(self.folder) / "more-keys"

    @property
    def clock(self) -> Path:
        """A file that says how many hours the clock of SQLite is ahead; no file: none."""
        return Path(self.folder) / "clock"

    @property
    def witness(self) -> Path:
        """A file with a line for everything that the workers did."""
        return Path(self.folder) / "witness.jsonl"
