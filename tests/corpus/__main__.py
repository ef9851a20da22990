# ruff: noqa: T201
"""`make corpus`: Pillow's own test pictures and our bombs, through the real render.

python -m tests.corpus            everything; Pillow's sources are fetched once, into var/corpus
python -m tests.corpus --bombs    bombs only
python -m tests.corpus DIR ...    every file under these folders too
"""

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from renditions.imaging.sources import Limits

from .bombs import BOMBS
from .pillow_pictures import pillow_pictures
from .runner import ALL_FORMATS, Outcome, in_child, pillow_opens, run

BOMB_SECONDS = 1.0
BOMB_MB = 150
CACHE = Path("var/corpus")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus")
    parser.add_argument("--bombs", action="store_true", help="no pictures")
    parser.add_argument("folders", nargs="*", type=Path, help="more pictures")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    faults = list(explode(sorted(BOMBS)))
    if not options.bombs:
        faults += picture_faults(pictures(options.folders))
    print("\n".join(["", *faults, f"{len(faults)} faults"]))
    return 1 if faults else 0


def explode(names: Iterable[str]) -> Iterator[str]:
    """Try each bomb, print what became of it and yield what is wrong with that."""
    print(f"{'bomb':<36}{'refused as':<20}{'s':>7}{'MB':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            make, error = BOMBS[name]
            path = Path(folder) / "bomb.jpg"
            in_child(lambda: Outcome("rendered", str(path.write_bytes(make()))))  # noqa: B023
            outcome = run(path, Limits())
            reason = outcome.reason or outcome.status
            print(f"{name:<36}{reason:<20}{outcome.seconds:>7.3f}{outcome.peak_mb:>6}")
            if (outcome.status, outcome.reason) != ("refused", error.__name__):
                yield f"{name}: {outcome}, and not {error.__name__}"
            if outcome.seconds > BOMB_SECONDS or outcome.peak_mb > BOMB_MB:
                yield f"{name}: {outcome.seconds:.2f} s and {outcome.peak_mb} MB"


def pictures(folders: list[Path]) -> Iterator[Path]:
    for folder in [pillow_pictures(CACHE), *folders]:
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def picture_faults(paths: Iterable[Path]) -> list[str]:
    """Render every picture, print the table and return what is wrong with it."""
    counts: Counter[str] = Counter()
    faults = []
    slowest = largest = Outcome("none")
    for path in paths:
        outcome = run(path, ALL_FORMATS)
        slowest = max(slowest, outcome, key=lambda o: o.seconds)
        largest = max(largest, outcome, key=lambda o: o.peak_mb)
        kind = f"refused: {outcome.reason}" if outcome.status == "refused" else outcome.status
        counts[kind] += 1
        broken = outcome.reason in ("SourceUnreadable", "RenderFailed", "FormatRefused")
        if outcome.status == "refused" and not broken:
            continue
        if outcome.status == "refused" and pillow_opens(path, ALL_FORMATS).status == "rendered":
            faults.append(f"{path}: Pillow can read it; {outcome.message}")
        elif outcome.status not in ("rendered", "refused"):
            faults.append(f"{path}: {outcome}")
    for status in ("rendered", "failed", "crashed", "timed out", "over memory"):
        counts.setdefault(status, 0)
    print(f"\n{'pictures':<40}{'files':>7}")
    for kind, count in sorted(counts.items()):
        print(f"{kind:<40}{count:>7}")
    print(f"slowest {slowest.seconds:.2f} s, largest {largest.peak_mb} MB")
    return faults


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
