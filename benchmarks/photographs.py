"""The pictures of the benchmark.

Real photographs are used as they are: from Python packages and, where `apt-get` exists, from Debian
packages with desktop backgrounds, which are fetched and not installed. Few of them have the size of
a camera. So pictures of camera size are made of the smaller ones: enlarged, with the grain of a
sensor, and mirrored at their edges until the frame is full. `--photos DIR` takes other photographs.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageChops, ImageOps

PYTHON_PACKAGES = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "skimage": ("data/rocket.jpg", "data/retina.jpg", "data/hubble_deep_field.jpg"),
}
# Their other pictures are drawings.
DEBIAN_PACKAGES = {
    "lomiri-wallpapers-16.04": (
        "Bridge_by_Sander_Klootwijk.jpg",
        "Dragonfly_by_Bolly.jpg",
        "Picture_0B_by_freespace.jpg",
        "Picture_1A_by_freespace.jpg",
        "Wine_by_Jakkub_Mede.jpg",
        "aitzgorri_by_Aitzol_Berasategi.jpg",
        "free_by_Peter_Nerlich.jpg",
        "friends_by_Aitzol_Berasategi.jpg",
        "greentock_by_Peter_Nerlich.jpg",
        "life_by_Aitzol_Berasategi.jpg",
        "picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "seeding_by_Clements_Engelhardt.jpg",
        "sunset_by_Aitzol_Berasategi.jpg",
    ),
    "lomiri-wallpapers-20.04": ("Kleiber_by_Lukas_Baubkus.jpg",),
    "mate-backgrounds": (
        "mate/nature/Aqua.jpg",
        "mate/nature/Blinds.jpg",
        "mate/nature/Dune.jpg",
        "mate/nature/FreshFlower.jpg",
        "mate/nature/Garden.jpg",
        "mate/nature/GreenMeadow.jpg",
        "mate/nature/LadyBird.jpg",
        "mate/nature/RainDrops.jpg",
        "mate/nature/Storm.jpg",
        "mate/nature/TwoWings.jpg",
        "mate/nature/Wood.jpg",
        "mate/nature/YellowFlower.jpg",
    ),
}
ENLARGED = 2.5
GRAIN = 4  # standard deviation, of 255


@dataclass(frozen=True, slots=True)
class Camera:
    """A size of camera pictures, and the options of their JPEG."""

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
    """Return the photographs, which are collected in `folder` once."""
    complete = folder / "complete"
    if not complete.exists():
        folder.mkdir(parents=True, exist_ok=True)
        small = list(shipped_with_python())
        if not small:
            raise SystemExit("No photographs: install the extra 'bench', or give --photos DIR.")
        for source in (*small, *shipped_with_debian(folder / "debian")):
            shutil.copyfile(source, folder / f"real-{source.name}")
        for number, camera in enumerate(CAMERAS):
            picture = _lay_out(small[number % len(small)], camera)
            target = folder / f"camera-{number:02}-{camera.width}x{camera.height}.jpg"
            picture.save(target, quality=camera.quality, progressive=camera.progressive)
        complete.touch()
    return sorted(folder.glob("*.jpg"))


def shipped_with_python() -> Iterator[Path]:
    """Yield the photographs in installed Python packages."""
    for package, names in PYTHON_PACKAGES.items():
        spec = find_spec(package)
        for name in names if spec and spec.origin else ():
            path = Path(str(spec.origin)).parent / name
            if path.exists():
                yield path


def shipped_with_debian(folder: Path) -> Iterator[Path]:
    """Fetch Debian packages to `folder`, which needs no root, and yield their photographs."""
    folder.mkdir(exist_ok=True)
    for package, names in DEBIAN_PACKAGES.items():
        try:
            fetch = ["apt-get", "download", "--quiet=2", package]
            subprocess.run(fetch, cwd=folder, capture_output=True, check=True)
            [archive] = folder.glob(f"{package}_*.deb")
            subprocess.run(["dpkg-deb", "--extract", archive, folder / package], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"Left out the photographs of {package}: {error}", file=sys.stderr)
            continue
        for name in names:
            path = folder / package / "usr/share/backgrounds" / name
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
