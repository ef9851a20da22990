"""Apply each guard and each hook once, in a process like a worker, and print what it replaced.

    python -m tests.chaos.dry_run

prints {name: [what was replaced, or the error]} as JSON.
"""

import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import patches
from .environment import Environment


def main() -> None:
    """Load all modules that a worker loads; then apply each patch in a fork of this process."""
    import django

    with tempfile.TemporaryDirectory() as folder:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "OPTIONS": {}}
        # No address is used: nothing is sent or stored.
        environment = Environment(folder, database, "memory://", "unix:///nowhere")
        os.environ.update(environment.variables)
        django.setup()
        from .celery import app
        from .guards import GUARDS
        from .hooks import HOOKS
        from .witness import attach

        app.loader.import_default_modules()
        witness = {"witness": partial(attach, Path(folder) / "witness")}
        print(json.dumps({name: _applied(p) for name, p in {**GUARDS, **HOOKS, **witness}.items()}))


def _applied(patch: Callable[[], None]) -> list[str]:
    """Return what `patch` replaced, or its error; this process stays as it was."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, json.dumps(_apply(patch)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found: list[str] = json.loads(pipe.read())
    os.waitpid(child, 0)
    return found


def _apply(patch: Callable[[], None]) -> list[str]:
    try:
        patch()
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    return [
        f"{replacement}{'' if replacement.is_in_place else ' is not in place'}"
        for replacement in patches.replacements
    ]


if __name__ == "__main__":
    main()
