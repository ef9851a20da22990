"""The pictures that everybody is measured with.

Photographs that Python packages ship, as they are; and, since those are small, pictures of camera
size that are laid out of them: each photograph enlarged a little, given the grain of a sensor, and
mirrored at its edges until the frame is full. `--photos DIR` takes other people's instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageChops, ImageOps

REAL = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "skimage": (
        "data/rocket.jpg",
        "data/retina.jpg",
        "data/hubble_deep_field.jpg",
        "data/astronaut.png",
        "data/coffee.png",
        "data/chelsea.png",
        "data/motorcycle_left.png",
        "data/ihc.png",
    ),
}
ENLARGED = 2.5
GRAIN = 4  # standard deviation, of 255


@dataclass(frozen=True, slots=True)
class Camera:
    """A size that cameras give, and how they write it."""

    width: int
    height: int
    quality: int = 92
    progressive: bool = False


CAMERAS = (
    Camera(1600, 1200),
    Camera(2048, 1536, progressive=True),
    Camera(3000, 2000),
    Camera(3264, 2448),
    Camera(2448, 3264),
    Camera(4000, 3000),
    Camera(4032, 3024, quality=95),
    Camera(4608, 3456),
    Camera(5184, 3456),
    Camera(6000, 4000),
)


def photographs(folder: Path) -> list[Path]:
    """Return the corpus, which is made in `folder` once."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = list(shipped())
    if not sources:
        raise SystemExit("No photographs: install the extra 'bench', or give --photos DIR.")
    for number, source in enumerate(sources):
        target = folder / f"real-{number:02}-{source.stem}.jpg"
        if target.exists():
            continue
        if source.suffix == ".jpg":
            target.write_bytes(source.read_bytes())
        else:
            Image.open(source).convert("RGB").save(target, quality=92)
    for number, camera in enumerate(CAMERAS):
        target = folder / f"camera-{number:02}-{camera.width}x{camera.height}.jpg"
        if not target.exists():
            _lay_out(sources[number % len(sources)], camera).save(
                target, quality=camera.quality, progressive=camera.progressive
            )
    return sorted(folder.glob("*.jpg"))


def shipped() -> Iterator[Path]:
    """Yield the photographs that installed packages ship."""
    for package, names in REAL.items():
        spec = find_spec(package)
        for name in names if spec and spec.origin else ():
            path = Path(str(spec.origin)).parent / name
            if path.exists():
                yield path


def _lay_out(source: Path, camera: Camera) -> Image.Image:
    tile = Image.open(source).convert("RGB")
    tile = ImageOps.scale(tile, ENLARGED, Image.Resampling.BICUBIC)
    picture = Image.new("RGB", (camera.width, camera.height))
    for row, top in enumerate(range(0, camera.height, tile.height)):
        for column, left in enumerate(range(0, camera.width, tile.width)):
            placed = ImageOps.mirror(tile) if column % 2 else tile
            picture.paste(ImageOps.flip(placed) if row % 2 else placed, (left, top))
    grain = Image.effect_noise(picture.size, GRAIN)
    return ImageChops.add(picture, Image.merge("RGB", [grain] * 3), 1, -128)
