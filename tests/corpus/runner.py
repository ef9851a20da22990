"""Renders one file in a child process, with limits of time and memory."""

import json
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from renditions.errors import PermanentError, RenditionError
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import open_picture
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits

MEMORY_LIMIT_MB = 450
ADDRESS_SPACE_MB = 2500
TIME_LIMIT_S = 20.0

STILL = [
    Recipe(Thumbnail(), Size(1200, 1200)),
    Recipe(Crop(), Size(400, 400)),
    Recipe(Thumbnail(), Size(100, 100), format="webp"),
    Recipe(Thumbnail(), Size(100, 100), format="jpeg"),
    Recipe(Crop(), Size(50, 50), format="png"),
]
ANIMATED = [Recipe(Crop(), Size(600, 50), encoding=Encoding(animation="keep"))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one file."""

    status: str  # rendered, refused, failed, crashed, timed out, over memory
    reason: str = ""  # class name of the error
    message: str = ""
    seconds: float = 0.0  # CPU time, which does not depend on other processes
    peak_mb: int = 0


def run(path: Path, limits: Limits, recipes: Sequence[Recipe] = (*STILL, *ANIMATED)) -> Outcome:
    """Return the outcome of rendering all `recipes` from the file at `path`."""
    return in_child(lambda: render_all(path, limits, recipes))


def in_child(work: Callable[[], Outcome]) -> Outcome:
    """Return the outcome of `work` in a fork of this process, within the limits."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(reader)
        _work_and_exit(work, writer)
    os.close(writer)
    data = b""
    with os.fdopen(reader, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], TIME_LIMIT_S)
        if ready:
            data = pipe.read()
        else:
            os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds, peak_mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024
    if not ready:
        return Outcome("timed out", seconds=seconds, peak_mb=peak_mb)
    if status or not data:
        return Outcome("crashed", message=f"status {status}", seconds=seconds, peak_mb=peak_mb)
    found = Outcome(**json.loads(data) | {"seconds": seconds, "peak_mb": peak_mb})
    if peak_mb > MEMORY_LIMIT_MB:
        return Outcome("over memory", found.status, found.message, seconds, peak_mb)
    return found


def _work_and_exit(work: Callable[[], Outcome], writer: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_MB << 20,) * 2)
    try:
        outcome = work()
    except BaseException:  # noqa: BLE001
        # Every failure is a row of the table.
        outcome = Outcome("crashed", message=traceback.format_exc(limit=-2))
    os.write(writer, json.dumps(asdict(outcome)).encode())
    os._exit(0)


def render_all(path: Path, limits: Limits, recipes: Sequence[Recipe]) -> Outcome:
    try:
        with path.open("rb") as file, open_picture(file, recipes, limits) as picture:
            for recipe in recipes:
                picture.render(recipe)
    except PermanentError as error:
        return Outcome("refused", type(error).__name__, str(error))
    except RenditionError as error:
        return Outcome("failed", type(error).__name__, str(error))
    return Outcome("rendered")


def pillow_opens(path: Path, limits: Limits) -> Outcome:
    """Return `rendered` if Pillow alone can decode the file, in an accepted format and size."""

    def work() -> Outcome:
        try:
            with Image.open(path, formats=limits.formats) as image:
                image.load()
        except Exception as error:  # noqa: BLE001
            # Every failure means: Pillow cannot decode it.
            return Outcome("refused", type(error).__name__, str(error))
        large = image.width * image.height > limits.max_pixels
        if large or max(image.size) > limits.max_side:
            return Outcome("refused", "TooLarge", f"{image.size}")
        return Outcome("rendered")

    return in_child(work)
