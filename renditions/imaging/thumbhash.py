"""ThumbHash: a blurred picture in about 25 bytes.

The format is that of Evan Wallace (https://evanw.github.io/thumbhash/): the lowest frequencies of
a cosine transform, of luminance (L), of yellow to blue (P), of red to green (Q) and of alpha.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .geometry import Size

# The format allows 100. More pixels change the result by less than one step.
MAX_SIDE = 32
# Decoded colours are made a little stronger, as the format advises.
_SATURATION = 1.25

_Colour = tuple[int, int, int]


def encode(rgba: bytes, size: Size) -> bytes:
    """Return the ThumbHash of a picture.

    Args:
        rgba: Its pixels row by row, four bytes each, in sRGB, alpha not premultiplied.
        size: At most `MAX_SIDE` a side, px.
    """
    pixels = [[part / 255 for part in rgba[at : at + 4]] for at in range(0, len(rgba), 4)]
    opacity = sum(pixel[3] for pixel in pixels)
    has_alpha = opacity < len(pixels)
    mean = [sum(p[3] * p[part] for p in pixels) / (opacity or 1) for part in range(3)]
    # Transparent pixels count as pixels of the mean colour.
    seen = [
        [mean[part] * (1 - alpha) + alpha * colour for part, colour in enumerate(colours)]
        for *colours, alpha in pixels
    ]
    most, longest = (5 if has_alpha else 7), max(size.as_tuple)
    across = max(1, round(most * size.width / longest))
    down = max(1, round(most * size.height / longest))
    luminance = _transform([sum(p) / 3 for p in seen], size, max(3, across), max(3, down))
    yellow = _transform([(r + g) / 2 - b for r, g, b in seen], size, 3, 3)
    red = _transform([r - g for r, g, _ in seen], size, 3, 3)
    alpha = _transform([p[3] for p in pixels], size, 5, 5)
    is_wide = size.width > size.height
    head = (
        round(63 * luminance.mean)
        | round(31.5 + 31.5 * yellow.mean) << 6
        | round(31.5 + 31.5 * red.mean) << 12
        | round(31 * luminance.scale) << 18
        | has_alpha << 23
    ).to_bytes(3, "little")
    head += (
        (down if is_wide else across)
        | round(63 * yellow.scale) << 3
        | round(63 * red.scale) << 9
        | is_wide << 15
    ).to_bytes(2, "little")
    waves = [luminance, yellow, red]
    if has_alpha:
        head += bytes([round(15 * alpha.mean) | round(15 * alpha.scale) << 4])
        waves.append(alpha)
    halves = [round(15 * each) for wave in waves for each in wave.normalised]
    return head + bytes(low | high << 4 for low, high in _in_pairs(halves))


def colours(thumbhash: bytes, columns: int, rows: int) -> list[list[_Colour]]:
    """Return the colours of a grid over the picture, row by row, 0-255 each.

    Raises:
        ValueError: `thumbhash` is too short.
    """
    try:
        luminance, yellow, red = _read(thumbhash)
    except IndexError as error:
        raise ValueError("The ThumbHash is too short.") from error
    grid = Size(columns, rows)
    return [
        [
            _rgb(luminance.at(x, y, grid), yellow.at(x, y, grid), red.at(x, y, grid))
            for x in range(columns)
        ]
        for y in range(rows)
    ]


@dataclass(frozen=True, slots=True)
class _Waves:
    """One channel as its mean and its lowest frequencies."""

    mean: float
    scale: float  # the largest amplitude
    amplitudes: Sequence[float]  # in the order of `_frequencies`
    across: int
    down: int

    @property
    def normalised(self) -> list[float]:
        """The amplitudes, 0-1; 0.5 is none."""
        return [0.5 + 0.5 / self.scale * each if self.scale else each for each in self.amplitudes]

    def at(self, x: int, y: int, grid: Size) -> float:
        """Return the value in the middle of a cell."""
        horizontal = math.pi * (x + 0.5) / grid.width
        vertical = math.pi * (y + 0.5) / grid.height
        frequencies = _frequencies(self.across, self.down)
        return self.mean + 2 * sum(
            amplitude * math.cos(horizontal * cx) * math.cos(vertical * cy)
            for amplitude, (cx, cy) in zip(self.amplitudes, frequencies, strict=True)
        )


def _frequencies(across: int, down: int) -> Iterator[tuple[int, int]]:
    """Yield the frequencies that the format keeps, without the constant one."""
    for cy in range(down):
        cx = 0 if cy else 1
        while cx * down < across * (down - cy):
            yield cx, cy
            cx += 1


def _transform(channel: Sequence[float], size: Size, across: int, down: int) -> _Waves:
    width, height = size.as_tuple
    rows = [channel[at : at + width] for at in range(0, len(channel), width)]
    horizontal = [_cosines(width, cx) for cx in range(across)]
    vertical = [_cosines(height, cy) for cy in range(down)]
    # The transform is separable: first along each row, then down the sums.
    sums = [[_dot(row, wave) for row in rows] for wave in horizontal]
    found = [
        _dot(sums[cx], vertical[cy]) / (width * height) for cx, cy in _frequencies(across, down)
    ]
    mean = sum(channel) / len(channel)
    return _Waves(mean, max(map(abs, found), default=0), found, across, down)


def _cosines(length: int, frequency: int) -> list[float]:
    return [math.cos(math.pi / length * frequency * (at + 0.5)) for at in range(length)]


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(map(float.__mul__, one, other))


def _in_pairs(halves: list[int]) -> Iterator[tuple[int, int]]:
    return zip(halves[::2], [*halves[1::2], 0], strict=False)


def _read(data: bytes) -> tuple[_Waves, _Waves, _Waves]:
    first = int.from_bytes(data[:3], "little")
    second = data[3] | data[4] << 8
    has_alpha, is_wide = bool(first >> 23), bool(second >> 15)
    longest, shortest = (5 if has_alpha else 7), max(second & 7, 1)
    across, down = (longest, shortest) if is_wide else (shortest, longest)
    halves = [half for byte in data[6 if has_alpha else 5 :] for half in (byte & 15, byte >> 4)]
    scales = (first >> 18 & 31) / 31, (second >> 3 & 63) / 63, (second >> 9 & 63) / 63
    means = (first & 63) / 63, (first >> 6 & 63) / 31.5 - 1, (first >> 12 & 63) / 31.5 - 1
    counts = (max(3, across), max(3, down)), (3, 3), (3, 3)
    strengths = 1, _SATURATION, _SATURATION
    ends = [0]
    for each in counts:
        ends.append(ends[-1] + len(list(_frequencies(*each))))
    if len(halves) < ends[-1]:
        raise IndexError
    luminance, yellow, red = (
        _Waves(
            mean,
            scale,
            [(half / 7.5 - 1) * scale * strength for half in halves[start:end]],
            *count,
        )
        for mean, scale, strength, count, (start, end) in zip(
            means, scales, strengths, counts, pairwise(ends), strict=True
        )
    )
    return luminance, yellow, red


def _rgb(luminance: float, yellow: float, red: float) -> _Colour:
    blue = luminance - 2 / 3 * yellow
    r = (3 * luminance - blue + red) / 2
    return _byte(r), _byte(r - red), _byte(blue)


def _byte(value: float) -> int:
    return max(0, min(255, round(value * 255)))
