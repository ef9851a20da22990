"""Where the processes of one run meet: told by the environment, as an installation would be."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

VARIABLE = "CHAOS_PLACE"


@dataclass(frozen=True, slots=True)
class Place:
    """What the processes of a run have in common."""

    folder: str
    database: Mapping[str, Any]  # as in DATABASES
    broker_url: str
    cache_url: str
    workers: Mapping[str, Any] = field(default_factory=dict)  # RENDITIONS["WORKERS"]
    storage: Mapping[str, Any] = field(default_factory=dict)  # as in STORAGES
    celery: Mapping[str, Any] = field(default_factory=dict)
    hooks: tuple[str, ...] = ()  # faults inside of the processes
    without: tuple[str, ...] = ()  # guards that are taken out

    @classmethod
    def of_this_process(cls) -> "Place":
        """Return the place that the run gave to this process."""
        return cls(**json.loads(os.environ[VARIABLE]))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that tell a process."""
        return {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            VARIABLE: json.dumps(asdict(self)),
        }

    @property
    def media(self) -> Path:
        """Originals and renditions."""
        return Path(self.folder) / "media"

    @property
    def trouble(self) -> Path:
        """What the storage does wrong at the moment; absent: nothing."""
        return Path(self.folder) / "trouble.json"

    @property
    def clock(self) -> Path:
        """How many hours SQLite's clock is ahead; absent: none."""
        return Path(self.folder) / "clock"

    @property
    def witness(self) -> Path:
        """What the workers did, a line for each thing."""
        return Path(self.folder) / "witness.jsonl"
