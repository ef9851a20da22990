"""One turn of a contestant: `python -m benchmarks.measured NAME OPTIONS FOLDER PHOTO ...`."""

import json
import re
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from .contestants import CONTESTANTS


@dataclass(frozen=True, slots=True)
class Measurement:
    """One turn over all photographs."""

    cpu_ms: float  # per photograph
    wall_ms: float
    peak_mb: int
    output_bytes: int  # of the renditions of all photographs
    each_cpu_ms: list[float]  # of each photograph


def measure(name: str, folder: Path, photographs: list[Path], options: dict) -> Measurement:
    """Measure one turn, without imports and without the largest photograph once before."""
    cold = options.pop("cold", False)  # measure the first picture of the process, too
    contestant = next(c for c in CONTESTANTS if c.name == name)
    work = contestant.prepare(**{**contestant.options, **options})
    get_ready = getattr(work, "get_ready", lambda photograph, folder: None)
    largest = max(photographs, key=lambda path: path.stat().st_size)
    warm_up = [] if cold else [largest]
    each_wall_ms, each_cpu_ms = [], []
    for photograph in [*warm_up, *photographs]:
        target = folder / photograph.stem
        target.mkdir(exist_ok=True, parents=True)
        get_ready(photograph, target)
        wall, cpu = time.perf_counter(), time.process_time()
        work(photograph, target)
        each_cpu_ms.append((time.process_time() - cpu) * 1000)
        each_wall_ms.append((time.perf_counter() - wall) * 1000)
    each_cpu_ms, each_wall_ms = each_cpu_ms[len(warm_up) :], each_wall_ms[len(warm_up) :]
    size = sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    count = len(photographs)
    return Measurement(
        sum(each_cpu_ms) / count, sum(each_wall_ms) / count, _peak_mb(), size, each_cpu_ms
    )


def _peak_mb() -> int:
    """Return the peak memory of this process."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    # Not ru_maxrss: on Linux it starts with the memory of the parent at the fork.
    [peak_kb] = re.findall(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(peak_kb) // 1024


if __name__ == "__main__":
    _, name, options, folder, *paths = sys.argv
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(folder if folder != "-" else scratch)
        found = measure(name, kept, [Path(path) for path in paths], json.loads(options))
    sys.stdout.write(json.dumps(asdict(found)))
