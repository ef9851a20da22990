"""What all processes of the benchmark share; each reads it from an environment variable."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

VARIABLE = "BENCHMARK_ENVIRONMENT"
BUCKET = "media"

# Renditions of a page: of everyday sizes, and small, so that the rest can be measured beside them.
SMALL = [
    ("wide", "crop__120x60"),
    ("tall", "crop__90x120"),
    ("square", "crop__100x100"),
    ("tiny", "crop__40x40"),
    ("large", "thumbnail__200x200"),
    ("medium", "thumbnail__100x100"),
    ("small", "thumbnail__50x50"),
    ("icon", "crop__30x30"),
]
# Those of `make bench`.
EIGHT = [
    ("hero", "thumbnail__2000x2000"),
    ("large", "thumbnail__1200x1200"),
    ("wide", "crop__1200x600"),
    ("tall", "crop__600x1200"),
    ("square", "crop__400x400"),
    ("medium", "thumbnail__200x200"),
    ("small", "crop__100x100"),
    ("icon", "crop__50x50"),
]


@dataclass(frozen=True, slots=True)
class Environment:
    """Addresses and settings of one measured process."""

    folder: str
    database: Mapping[str, Any]  # as in DATABASES
    cache_url: str
    broker_url: str
    store_url: str = ""  # of the object store; empty: files are in `folder`
    delay_ms: float = 0  # of each request to the object store
    keys: str = "small"  # name of the key set
    quick: bool = False
    rows: int = 1_000_000  # on the ledger of the group `seat`
    workers: Mapping[str, Any] = field(default_factory=dict)  # RENDITIONS["WORKERS"]

    @classmethod
    def of_this_process(cls) -> "Environment":
        """Return what the parent process told this one."""
        return cls(**json.loads(os.environ[VARIABLE]))

    @property
    def token(self) -> str:
        """A part for names of files: other processes use the same storage."""
        return Path(str(self.database["NAME"])).stem + self.database["ENGINE"].rpartition(".")[2]

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables for a process."""
        return {
            "DJANGO_SETTINGS_MODULE": "benchmarks.service.settings",
            VARIABLE: json.dumps(asdict(self)),
        }
