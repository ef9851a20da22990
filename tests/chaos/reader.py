"""Read every rendition again and again, and report each one that is half-written.

python -m tests.chaos.reader MEDIA_FOLDER REPORT PAUSE_S
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image


def main(media: Path, report: Path, pause_s: float) -> None:
    """Read until this process is ended, and write the report after each round."""
    reads, broken = 0, {}
    while True:
        for path in _renditions(media):
            try:
                data = Path(path).read_bytes()
            except FileNotFoundError:
                continue
            reads += 1
            if not _is_whole(data):
                broken[path] = len(data)
        _write(report, {"reads": reads, "broken": broken})
        time.sleep(pause_s)


def _renditions(folder: Path) -> Iterator[str]:
    for root, folders, names in os.walk(folder / "__sized__"):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(root, name) for name in names if not name.startswith("."))  # noqa: PTH118


def _is_whole(data: bytes) -> bool:
    try:
        with Image.open(BytesIO(data), formats=["JPEG"]) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _write(path: Path, content: object) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(path)


if __name__ == "__main__":
    # The service gets the processor first.
    os.nice(10)
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
