"""`make bench`: one interleaved run of all contestants; results as a table and as files.

    python -m benchmarks                     the photographs that packages ship
    python -m benchmarks --photos DIR        all *.jpg in this folder instead
    python -m benchmarks --rounds 5          more rounds
    python -m benchmarks --quick             one round of every third photograph

A round gives each contestant one turn. Each turn is a process and renders all photographs. The CPU
time of its imports, and of the largest photograph once before, is not counted. The other packages
come with the extra `bench`; the results name those that are not installed.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from PIL import Image, ImageDraw

from .contestants import CONTESTANTS, CROP, EIGHT, FIT
from .photographs import photographs
from .plots import bars, lines

RESULTS = Path(__file__).parent / "results"
CACHE = Path("var/benchmarks")
OURS, OLD, BARE = "django-renditions", "django-versatileimagefield", "bare decode and encode"
SHARED, SINGLE = "libvips, one shared decode", "libvips thumbnail"
GROWTH = (1, 2, 4, 8, 16)
SIXTEEN = (
    *EIGHT,
    *((FIT, 1600, 1600), (FIT, 800, 800), (FIT, 400, 400), (FIT, 100, 100)),
    *((CROP, 800, 800), (CROP, 640, 360), (CROP, 300, 200), (CROP, 200, 200)),
)
Turns = dict[str, list[dict[str, float]]]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    if options.photos:
        pictures = sorted(options.photos.glob("*.jpg"))
    else:
        pictures = photographs(CACHE / "photographs")
    rounds = 1 if options.quick else options.rounds
    pictures = pictures[::3] if options.quick else pictures
    results = {
        "photographs": [describe(path) for path in pictures],
        "rounds": rounds,
        "left out": [c.name for c in CONTESTANTS if not installed(c.package)],
        "eight": interleaved([(c.name, c.name, {}) for c in present()], pictures, rounds),
        "growth": growth(pictures, rounds),
        "webp": formats(pictures[::4], rounds),
        "png": png_with_alpha(rounds),
        "memory": memory(pictures),
        "loss": list(loss(pictures)),
    }
    write(results)
    print((RESULTS / "results.md").read_text())
    return 0


def installed(package: str) -> bool:
    return find_spec(package.partition(".")[0]) is not None


def present() -> list:
    return [contestant for contestant in CONTESTANTS if installed(contestant.package)]


def describe(path: Path) -> str:
    with Image.open(path) as image:
        return f"{path.name} {image.width}x{image.height}"


def turn(name: str, options: dict, pictures: Iterable[Path]) -> dict[str, float]:
    """Return the measurement of one contestant, in a new process."""
    command = [sys.executable, "-m", "benchmarks.measured", name, json.dumps(options), "-"]
    found = subprocess.run(
        [*command, *map(str, pictures)], capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise SystemExit(f"{name}: {found.stderr}")
    return json.loads(found.stdout)


def interleaved(entrants: list[tuple[str, str, dict]], pictures: list[Path], rounds: int) -> Turns:
    """Give each contestant a turn, `rounds` times."""
    turns: Turns = defaultdict(list)
    for number in range(rounds):
        for label, name, options in entrants:
            print(f"\r{number + 1}/{rounds} {label:<40}", end="", file=sys.stderr)
            turns[label].append(turn(name, options, pictures))
    print(file=sys.stderr)
    return dict(turns)


def growth(pictures: list[Path], rounds: int) -> Turns:
    names = [name for name in (OURS, OLD) if name in {c.name for c in present()}]
    entrants = [
        (f"{name}, {count}", name, {"table": SIXTEEN[:count]}) for name in names for count in GROWTH
    ]
    return interleaved(entrants, largest(pictures, 3), rounds)


def formats(pictures: list[Path], rounds: int) -> Turns:
    entrants = [(f"{OURS}, webp", OURS, {"output": "webp"})]
    if installed("imagekit"):
        entrants.append(("django-imagekit, webp", "django-imagekit", {"output": "WEBP"}))
    return interleaved(entrants, pictures, rounds)


def png_with_alpha(rounds: int) -> Turns:
    folder = CACHE / "alpha"
    folder.mkdir(parents=True, exist_ok=True)
    for path in photographs(CACHE / "photographs")[::5]:
        target = folder / f"{path.stem}.png"
        if not target.exists():
            image = Image.open(path).convert("RGBA")
            image.thumbnail((1600, 1600))
            mask = Image.new("L", image.size)
            ImageDraw.Draw(mask).ellipse((0, 0, *image.size), fill=255)
            image.putalpha(mask)
            image.save(target)
    table = {"table": [entry for entry in EIGHT if entry[1] < 2000]}
    names = [name for name in (OURS, OLD) if name in {c.name for c in present()}]
    entrants = [(f"{name}, png", name, table) for name in names]
    return interleaved(entrants, sorted(folder.glob("*.png")), rounds)


def memory(pictures: list[Path]) -> dict[str, float]:
    """Measure a process with Django that renders only the largest photograph."""
    return turn(OURS, {"cold": True}, largest(pictures, 1))


def largest(pictures: list[Path], count: int) -> list[Path]:
    return sorted(pictures, key=lambda path: -path.stat().st_size)[:count]


def loss(pictures: list[Path]) -> Iterable[float]:
    if not installed("skimage"):
        return ()
    from .quality import losses

    return losses(pictures)


def write(results: dict) -> None:
    from .report import markdown

    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "results.md").write_text(markdown(results))
    cpu = {name: median(t["cpu_ms"] for t in turns) for name, turns in results["eight"].items()}
    rows = [
        (OURS, cpu[OURS]),
        *((n, c) for n, c in sorted(cpu.items(), key=lambda x: x[1]) if n != OURS),
    ]
    (RESULTS / "cpu.svg").write_text(bars("CPU for eight renditions of a photograph", rows, "ms"))
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for label, turns in results["growth"].items():
        name, _, count = label.rpartition(", ")
        series[name].append((float(count), median(t["cpu_ms"] for t in turns)))
    (RESULTS / "growth.svg").write_text(
        lines("CPU by number of renditions", "renditions of each photograph", dict(series))
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
