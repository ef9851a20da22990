"""The results as a table, with goals and measured values."""

from statistics import median
from typing import Any

OURS, OLD, BARE = "django-renditions", "django-versatileimagefield", "bare decode and encode"
SHARED, SINGLE = "libvips, one shared decode", "libvips thumbnail"


_VERDICTS = {True: "yes", False: "no", None: "no goal: a bound of the ratio above"}


def markdown(results: dict[str, Any]) -> str:
    return "\n".join([*_table(results), "", *_goals(results), "", *_by_photograph(results), ""])


def _table(results: dict[str, Any]) -> list[str]:
    ours = _cpu(results["eight"], OURS)
    lines = [
        f"{len(results['photographs'])} photographs, {results['rounds']} rounds, eight renditions "
        "each; median, minimum and maximum of all rounds.",
        "",
        "| | CPU ms for each photograph | min-max | to ours | wall ms | peak MB | MB written |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, turns in sorted(
        results["eight"].items(), key=lambda item: _median(item[1], "cpu_ms")
    ):
        cpu = [turn["cpu_ms"] for turn in turns]
        lines.append(
            f"| {name} | {median(cpu):.0f} | {min(cpu):.0f}-{max(cpu):.0f} "
            f"| {median(cpu) / ours:.2f} | {_median(turns, 'wall_ms'):.0f} "
            f"| {_median(turns, 'peak_mb'):.0f} | {_median(turns, 'output_bytes') / 1e6:.2f} |"
        )
    left_out = ", ".join(results["left out"]) or "none"
    return [*lines, "", f"Not installed: {left_out}."]


def _goals(results: dict[str, Any]) -> list[str]:
    eight, growth = results["eight"], results["growth"]
    ours = _cpu(eight, OURS)
    rows: list[tuple[str, str, float | None, bool | None]] = []

    def add(what: str, goal: float, value: float | None, *, least: bool = False) -> None:
        met = value is not None and (value >= goal if least else value <= goal)
        rows.append((what, f"{'>=' if least else '<='} {goal:g}", value, met))

    add("versatileimagefield's CPU to ours", 14, _ratio(eight, OLD, ours), least=True)
    add("our CPU to libvips with one shared decode", 0.6, _inverse(_ratio(eight, SHARED, ours)))
    add("our CPU to libvips thumbnail", 0.25, _inverse(_ratio(eight, SINGLE, ours)))
    add("our CPU to the bare decode and encode", 1.6, _inverse(_ratio(eight, BARE, ours)))
    bare = _ratio(eight, OLD, _cpu(eight, BARE))
    rows.append(("versatileimagefield's CPU to the bare decode and encode", "", bare, None))
    one = _cpu(growth, f"{OURS}, 1")
    add("eight renditions to one, largest three", 1.8, _cpu(growth, f"{OURS}, 8") / one)
    add("peak MB of the largest photograph", 130, results["memory"]["peak_mb"])
    webp = _cpu(results["webp"], f"{OURS}, webp")
    add(
        "imagekit's CPU to ours, WebP",
        2.5,
        _ratio(results["webp"], "django-imagekit, webp", webp),
        least=True,
    )
    png = _cpu(results["png"], f"{OURS}, png")
    add(
        "versatileimagefield's CPU to ours, PNG",
        1.5,
        _ratio(results["png"], f"{OLD}, png", png),
        least=True,
    )
    if f"{OLD}, png" in results["png"]:
        sizes = [_median(results["png"][f"{n}, png"], "output_bytes") for n in (OURS, OLD)]
        add("our PNG bytes to versatileimagefield's", 1.03, sizes[0] / sizes[1])
    if lost := results["loss"]:
        add("SSIM loss, mean", 0.0005, sum(lost) / len(lost))
        add("SSIM loss, share above 0.005", 0.01, sum(loss > 0.005 for loss in lost) / len(lost))
        add("SSIM loss, largest", 0.01, max(lost))
    return [
        "| | goal | measured | |",
        "|---|---|---|---|",
        *(
            f"| {what} | {goal} | {'-' if value is None else f'{value:.4g}'} | {_VERDICTS[met]} |"
            for what, goal, value, met in rows
        ),
    ]


def _by_photograph(results: dict[str, Any]) -> list[str]:
    """The cost of a photograph depends on how much larger it is than its renditions."""
    names = [name for name in (BARE, OURS, OLD) if name in results["eight"]]
    lines = [
        f"| CPU ms | {' | '.join(names)} | last to ours |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for number, photograph in enumerate(results["photographs"]):
        cpu = {
            name: median(turn["each_cpu_ms"][number] for turn in results["eight"][name])
            for name in names
        }
        each = " | ".join(f"{cpu[name]:.0f}" for name in names)
        lines.append(f"| {photograph} | {each} | {cpu[names[-1]] / cpu[OURS]:.1f} |")
    return lines


def _median(turns: list[dict[str, float]], what: str) -> float:
    return median(turn[what] for turn in turns)


def _cpu(results: dict[str, list[dict[str, float]]], name: str) -> float:
    return _median(results[name], "cpu_ms")


def _ratio(results: dict[str, Any], name: str, ours: float) -> float | None:
    return _cpu(results, name) / ours if name in results else None


def _inverse(value: float | None) -> float | None:
    return 1 / value if value else None
