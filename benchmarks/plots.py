"""Plots as SVG, without a plotting library."""

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

WIDTH, ROW, LEFT = 720, 30, 230
OURS, OTHERS = "#0b6e4f", "#9aa5b1"
MIN_FACTOR = 0.05
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" '
    'font-family="system-ui, sans-serif" font-size="13"><rect width="100%" height="100%" '
    'fill="#ffffff"/><text x="12" y="22" font-size="15" font-weight="600">{title}</text>'
)


def bars(title: str, rows: Sequence[tuple[str, float]], unit: str) -> str:
    """Return a bar for each name and value; the first is ours."""
    height = 44 + ROW * len(rows)
    parts = [_HEAD.format(w=WIDTH, h=height, title=title)]
    scale = (WIDTH - LEFT - 110) / max(value for _, value in rows)
    for number, (name, value) in enumerate(rows):
        top = 36 + ROW * number
        parts.append(
            f'<text x="{LEFT - 8}" y="{top + 16}" text-anchor="end">{name}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{value * scale:.1f}" height="{ROW - 8}" '
            f'fill="{OTHERS if number else OURS}"/>'
            f'<text x="{LEFT + value * scale + 6:.1f}" y="{top + 16}">{value:.0f} {unit}</text>'
        )
    return "".join([*parts, "</svg>\n"])


def lines(
    title: str, x_label: str, series: dict[str, Sequence[tuple[float, float]]], unit: str = "ms"
) -> str:
    """Return a line for each series of points; the first is ours."""
    height, left, bottom, top = 360, 60, 310, 44
    parts = [_HEAD.format(w=WIDTH, h=height, title=title)]
    points = [point for line in series.values() for point in line]
    widest, highest = max(x for x, _ in points), max(y for _, y in points)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x / widest * (WIDTH - left - 190), bottom - y / highest * (bottom - top)

    for number, (name, line) in enumerate(series.items()):
        colour = OTHERS if number else OURS
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in line)
        x, y = place(*line[-1])
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
            f'<text x="{x + 8:.1f}" y="{y + 4:.1f}">{name}: {line[-1][1]:.0f} {unit}</text>'
        )
    axis = {x for x, _ in points}
    parts += [
        f'<text x="{place(x, 0)[0]:.1f}" y="{bottom + 20}" text-anchor="middle">{x:.0f}</text>'
        for x in axis
    ]
    parts.append(f'<text x="{left}" y="{bottom + 40}">{x_label}</text>')
    parts.append(f'<path d="M{left} {top}V{bottom}H{WIDTH - 180}" fill="none" stroke="#444"/>')
    return "".join([*parts, "</svg>\n"])


def distances(title: str, rows: Sequence[tuple[str, float, float]]) -> str:
    """Return two dots for each name: how many times as far as its goal it was, and is now.

    Args:
        rows: Name, factor before, factor now; 1 is the goal, and less is better. The axis is
            logarithmic.
    """
    left, right = 360, WIDTH - 40
    height = 70 + ROW * len(rows)
    factors = [max(factor, MIN_FACTOR) for _, *both in rows for factor in both]
    low, high = math.log10(min([*factors, 0.5])), math.log10(max([*factors, 2]))

    def place(factor: float) -> float:
        share = (math.log10(max(factor, MIN_FACTOR)) - low) / (high - low)
        return left + share * (right - left)

    parts = [_HEAD.format(w=WIDTH, h=height, title=title)]
    goal, bottom = place(1), height - 26
    parts.append(f'<path d="M{goal:.1f} 34V{bottom}" stroke="#444" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="{goal:.1f}" y="{bottom + 18}" text-anchor="middle">goal</text>')
    for number, (name, before, now) in enumerate(rows):
        middle = 50 + ROW * number
        was, is_now = place(before), place(now)
        parts.append(
            f'<text x="{left - 16}" y="{middle + 4}" text-anchor="end">{escape(name)}</text>'
            f'<path d="M{was:.1f} {middle}H{is_now:.1f}" stroke="{OTHERS}"/>'
            f'<circle cx="{was:.1f}" cy="{middle}" r="5" fill="{OTHERS}"/>'
            f'<circle cx="{is_now:.1f}" cy="{middle}" r="6" fill="{OURS}"/>'
        )
    return "".join([*parts, "</svg>\n"])
