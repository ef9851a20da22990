"""One group of rows in a process of its own: `python -m benchmarks.service.measured FILE GROUP`.

The measured values are written to FILE as JSON.
"""

import hashlib
import json
import logging
import sys
import time
from importlib import import_module
from pathlib import Path

from .environment import Environment
from .table import GROUPS


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


def yardstick_ms() -> float:
    """Return the CPU time of a fixed piece of work, the shortest of several.

    It tells how busy the machine is: other processes on its cores make every CPU time longer.
    """
    times = []
    for _ in range(10):
        start = time.process_time()
        texts = [json.dumps({"path": f"a/{n}.jpg", "state": "created"}) for n in range(1000)]
        for text in texts:
            hashlib.blake2b(text.encode()).hexdigest()
        times.append((time.process_time() - start) * 1000)
    return min(times)


if __name__ == "__main__":
    assert sys.argv[2] in GROUPS
    main(Path(sys.argv[1]), sys.argv[2])
