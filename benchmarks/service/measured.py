"""One group of rows in a process of its own: `python -m benchmarks.service.measured FILE GROUP`.

The measured values are written to FILE as JSON.
"""

import json
import logging
import sys
from importlib import import_module
from pathlib import Path

from .environment import Environment
from .table import GROUPS
from .yardstick import yardstick_ms


def main(file: Path, group: str) -> None:
    """Migrate an empty database and measure `group` on it."""
    import django
    from django.core.management import call_command

    django.setup()
    logging.getLogger("workers").setLevel(logging.ERROR)
    import_module("benchmarks.service.celery")
    call_command("migrate", run_syncdb=True, verbosity=0)
    environment = Environment.of_this_process()
    measure = import_module(f"benchmarks.service.groups.{group}").measure
    before = yardstick_ms()
    values = measure(environment)
    file.write_text(json.dumps({**values, "yardstick_ms": [before, yardstick_ms()]}))


if __name__ == "__main__":
    assert sys.argv[2] in GROUPS
    main(Path(sys.argv[1]), sys.argv[2])
