"""Plots as SVG, without a plotting library."""

from collections.abc import Sequence

WIDTH, ROW, LEFT = 720, 30, 230
OURS, OTHERS = "#0b6e4f", "#9aa5b1"
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
