"""A log of what the workers really did. The judge compares the ledger with it."""

import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .app.storages import suffer
from .patches import replace


class Witness:
    """Writes a line for everything that this process does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._claim: Any = None

    def note(self, what: str, **more: Any) -> None:
        """Append one line; a write this short is never mixed with that of another process."""
        if self._claim:
            claim = self._claim
            more |= {"job": claim.job_id, "generation": claim.generation, "attempt": claim.attempt}
            more |= {"pk": claim.target.object_pk, "model": claim.target.model_label}
        line = json.dumps({"at": time.monotonic(), "pid": os.getpid(), "what": what, **more})
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def watch_work(self, work: Callable[..., None]) -> Callable[..., None]:
        """Note each message, also one that finds no job."""

        @functools.wraps(work)
        def watched(hint: Any, *args: Any) -> None:
            self.note("message", hinted=hint.job_id, hinted_generation=hint.generation)
            work(hint, *args)

        return watched

    def watch_attempt(self, make: Callable[..., Any]) -> Callable[..., Any]:
        """Note the begin and the end of an attempt."""

        @functools.wraps(make)
        def watched(claim: Any, *args: Any) -> Any:
            self._claim = claim
            self.note("begin")
            try:
                ended = make(claim, *args)
            except BaseException as error:
                self.note("end", error=type(error).__name__)
                raise
            else:
                self.note("end")
                return ended
            finally:
                self._claim = None

        return watched

    def watch_decode(self, opened: Callable[..., Any]) -> Callable[..., Any]:
        """Note when a picture is opened and closed."""

        @contextmanager
        def watched(*args: Any) -> Iterator[Any]:
            self.note("decode")
            with opened(*args) as picture:
                yield picture
            self.note("decoded")

        return watched

    def watch_write(self, write: Callable[..., None]) -> Callable[..., None]:
        """Note each rendition that is published."""

        @functools.wraps(write)
        def watched(adapter: Any, path: str, *args: Any) -> None:
            suffer("write", path)
            write(adapter, path, *args)
            self.note("publish", path=path)

        return watched


def attach(path: Path) -> None:
    """Note everything that this process does, and let its writes fail as the run says."""
    from renditions import storage
    from renditions.engine import warming
    from renditions.storage import disk
    from workers import worker

    witness = Witness(path)
    replace(worker, "run_job", witness.watch_work(worker.run_job))
    replace(worker, "_attempt", witness.watch_attempt(worker._attempt))
    replace(warming, "open_picture", witness.watch_decode(warming.open_picture))
    replace(storage, "write", witness.watch_write(storage.write))
    put = disk._write_and_rename

    def put_with_trouble(folder: Path, target: Path, *args: Any) -> None:
        suffer("save", target.name)
        put(folder, target, *args)

    replace(disk, "_write_and_rename", put_with_trouble)


def read(path: Path) -> list[dict[str, Any]]:
    """Return all lines, the oldest first."""
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return sorted(lines, key=lambda line: line["at"])
