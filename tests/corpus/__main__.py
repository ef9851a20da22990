# ruff: noqa: T201
"""`make corpus`: render bombs, giants and the test pictures of Pillow.

A bomb is a small file that needs much time or memory; it must be refused at once. A giant is the
largest picture that the limits allow; it must be rendered in bounded memory.

python -m tests.corpus            everything; the sources of Pillow are fetched once, to var/corpus
python -m tests.corpus --bombs    only bombs
python -m tests.corpus DIR ...    also every file in these folders
"""

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from .bombs import ALL_FORMATS, BOMBS
from .giants import GIANTS
from .pillow_pictures import pillow_pictures
from .runner import STILL, Outcome, in_child, pillow_opens, run

BOMB_SECONDS = 1.0
BOMB_MB = 150
CACHE = Path("var/corpus")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus")
    parser.add_argument("--bombs", action="store_true", help="only bombs")
    parser.add_argument("folders", nargs="*", type=Path, help="more pictures")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    faults = list(bomb_faults(sorted(BOMBS)))
    if not options.bombs:
        faults += giant_faults()
        faults += picture_faults(pictures(options.folders))
    print("\n".join(["", *faults, f"{len(faults)} faults"]))
    return 1 if faults else 0


def bomb_faults(names: Iterable[str]) -> Iterator[str]:
    """Try each bomb, print its outcome and yield what is wrong with it."""
    print(f"{'bomb':<36}{'outcome':<20}{'s':>7}{'MB':>6}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bomb.jpg"
        for name in names:
            bomb = BOMBS[name]
            path.unlink(missing_ok=True)
            in_child(lambda: Outcome("made", str(path.write_bytes(bomb.make()))))  # noqa: B023
            outcome = run(path, bomb.limits)
            reason = outcome.reason or outcome.status
            print(f"{name:<36}{reason:<20}{outcome.seconds:>7.3f}{outcome.peak_mb:>6}")
            wanted = bomb.error.__name__ if bomb.error else "rendered"
            if reason != wanted or outcome.status not in ("refused", "rendered"):
                yield f"{name}: {outcome}; expected {wanted}"
            if outcome.seconds > BOMB_SECONDS or outcome.peak_mb > BOMB_MB:
                yield f"{name}: {outcome.seconds:.2f} s and {outcome.peak_mb} MB"


def giant_faults() -> Iterator[str]:
    """Render the largest pictures, print time and memory, and yield what is wrong."""
    print(f"\n{'giant':<36}{'outcome':<20}{'s':>7}{'MB':>6}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "giant"
        for name, giant in GIANTS.items():
            in_child(lambda: Outcome("made", str(path.write_bytes(giant.make()))))  # noqa: B023
            limits = replace(ALL_FORMATS, incomplete=giant.incomplete)
            outcome = run(path, limits, giant.recipes)
            reason = outcome.reason or outcome.status
            print(f"{name:<36}{reason:<20}{outcome.seconds:>7.3f}{outcome.peak_mb:>6}")
            if outcome.status != "rendered" or outcome.peak_mb > giant.max_mb:
                yield f"{name}: {outcome}"


def pictures(folders: list[Path]) -> Iterator[Path]:
    for folder in [pillow_pictures(CACHE), *folders]:
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


# Pillow does not report these numbers. Such refusals are printed; a person judges them.
UNSEEN_LIMITS = ("MetadataTooLarge", "TooManyScans", "TooManyFramePixels", "DecodeTooLarge")
WRONG = "refused wrongly"
WANTED_ZERO = (WRONG, "failed", "crashed", "timed out", "over memory")


def picture_faults(paths: Iterable[Path]) -> list[str]:
    """Render every picture, print a table and return what is wrong."""
    outcomes = {path: judged(path, run(path, ALL_FORMATS)) for path in paths}
    counts = Counter(
        f"refused: {outcome.reason}" if outcome.status == "refused" else outcome.status
        for outcome in outcomes.values()
    )
    print(f"\n{'pictures':<40}{'files':>7}")
    for kind in [*sorted(counts.keys() - WANTED_ZERO), *WANTED_ZERO]:
        print(f"{kind:<40}{counts[kind]:>7}")
    slowest = max(outcomes.values(), key=lambda outcome: outcome.seconds)
    largest = max(outcomes.values(), key=lambda outcome: outcome.peak_mb)
    print(f"slowest {slowest.seconds:.2f} s, largest {largest.peak_mb} MB\n")
    for path, outcome in outcomes.items():
        if outcome.reason in UNSEEN_LIMITS:
            print(f"{path}: {outcome.message}")
    return [f"{path}: {found}" for path, found in outcomes.items() if found.status in WANTED_ZERO]


def judged(path: Path, outcome: Outcome) -> Outcome:
    """Return `outcome`; `refused wrongly` if Pillow can read the file and its size is allowed."""
    if outcome.status != "refused" or outcome.reason in UNSEEN_LIMITS:
        return outcome
    if pillow_opens(path, ALL_FORMATS).status != "rendered":
        return outcome
    # Later frames may be above a limit. The first frame must still be rendered.
    first = run(path, ALL_FORMATS, STILL)
    return replace(first, status=_FIRST_FRAME.get(first.status, first.status))


_FIRST_FRAME = {"rendered": "rendered: the first frame", "refused": WRONG}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
