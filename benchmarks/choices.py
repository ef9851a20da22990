"""The cost of our choices and of their alternatives: `python -m benchmarks.choices`.

The alternatives of a group are measured in turns, on the largest photograph and on its renditions.
"""

import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image, ImageCms

from renditions.imaging.geometry import Size
from renditions.imaging.resampling import new_resizer, resample

from .__main__ import CACHE, largest
from .photographs import photographs

TURNS = 5
LARGE = Size(2000, 1333)


def main() -> int:
    [path] = largest(photographs(CACHE / "photographs"), 1)
    print(f"{path.name}; medians of {TURNS} turns\n")
    print("| what | CPU ms | bytes | to the first |\n|---|---|---|---|")
    for alternatives in (*encoders(path), orders(path), planes(path), colours(path)):
        show(alternatives)
    return 0


def show(alternatives: dict[str, Callable[[], Any]]) -> None:
    """Measure one group and print it; the first is our choice."""
    taken: dict[str, list[float]] = {name: [] for name in alternatives}
    made: dict[str, int] = {}
    for _ in range(TURNS):
        for name, work in alternatives.items():
            since = time.process_time()
            result = work()
            taken[name].append((time.process_time() - since) * 1000)
            made[name] = len(result) if isinstance(result, bytes) else 0
    first = next(iter(alternatives))
    for name in alternatives:
        ratio = f"{median(taken[name]) / median(taken[first]):.2f}"
        if made[name]:
            ratio += f", bytes {made[name] / made[first]:.3f}"
        print(f"| {name} | {median(taken[name]):.1f} | {made[name] or ''} | {ratio} |")


def encoders(path: Path) -> list[dict[str, Callable[[], bytes]]]:
    image = resized(path)
    alpha = image.resize((1000, 666)).convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(alpha.size))

    def as_bytes(picture: Image.Image, name: str, **options: Any) -> Callable[[], bytes]:
        def save() -> bytes:
            buffer = BytesIO()
            picture.save(buffer, name, **options)
            return buffer.getvalue()

        return save

    return [
        {
            "JPEG, quality 70": as_bytes(image, "JPEG", quality=70),
            "JPEG, optimized": as_bytes(image, "JPEG", quality=70, optimize=True),
            "JPEG, progressive": as_bytes(image, "JPEG", quality=70, progressive=True),
        },
        {
            f"WebP, method {method}": as_bytes(image, "WEBP", quality=70, method=method)
            for method in (2, 0, 4, 6)
        },
        {
            f"AVIF, speed {speed}": as_bytes(image, "AVIF", quality=60, speed=speed, max_threads=1)
            for speed in (8, 6, 9)
        },
        {
            f"PNG with alpha, level {level}": as_bytes(alpha, "PNG", compress_level=level)
            for level in (4, 1, 6)
        },
    ]


def orders(path: Path) -> dict[str, Callable[[], Image.Image]]:
    """Turn after the resize, or before."""
    image = decoded(path)
    turn = Image.Transpose.ROTATE_90
    return {
        "turn after the resize": lambda: to(image, LARGE).transpose(turn),
        "turn before": lambda: to(image.transpose(turn), Size(LARGE.height, LARGE.width)),
    }


def planes(path: Path) -> dict[str, Callable[[], Image.Image]]:
    """Resample all planes at once, or luma and half-size chroma apart, as a JPEG stores them."""
    image = decoded(path)
    small = Size(LARGE.width // 2, LARGE.height // 2)

    def apart() -> Image.Image:
        luma, *chroma = image.convert("YCbCr").split()
        halves = [to(plane.reduce(2), small).resize(LARGE.as_tuple) for plane in chroma]
        return Image.merge("YCbCr", [to(luma, LARGE), *halves])

    return {"all planes at once": lambda: to(image, LARGE), "luma and chroma apart": apart}


def colours(path: Path) -> dict[str, Callable[[], Image.Image | None]]:
    """Apply a profile after the resize, or before."""
    image, small = decoded(path), resized(path)
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(srgb, srgb, "RGB", "RGB")
    return {
        "colour after the resize": lambda: ImageCms.applyTransform(small, transform),
        "colour before": lambda: ImageCms.applyTransform(image, transform),
    }


def decoded(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def resized(path: Path) -> Image.Image:
    return to(decoded(path), LARGE)


def to(image: Image.Image, size: Size) -> Image.Image:
    return resample(image, (0, 0, *image.size), size, new_resizer())


if __name__ == "__main__":
    sys.exit(main())
