"""The same input and options give the same bytes, in every process and at every time."""

import json
import os
import subprocess
import sys
import time
from hashlib import sha256
from io import BytesIO

from PIL import Image

from renditions.imaging.filters import Invert
from renditions.imaging.formats import FORMATS, OUTPUT_FORMATS, Encoding
from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import open_picture
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits

from .pictures import CORNERS, as_file, four_corners, gradient, photograph, with_orientation
from .profiles import DISPLAY_P3, cmyk_profile, rgb_profile

EVERY_FORMAT = tuple(each.key for each in OUTPUT_FORMATS)
KEPT = Encoding(color="keep", animation="keep")
LIMITS = Limits(formats=tuple(each.name for each in FORMATS))


def _sources() -> dict[str, BytesIO]:
    frames = [four_corners(40, 30, CORNERS[i:] + CORNERS[:i]) for i in range(3)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 80, "loop": 2}
    translucent = four_corners(90, 60, [(*colour, 90) for colour in CORNERS])
    inks = gradient(90, 60).convert("CMYK")
    return {
        "turned": with_orientation(photograph(300, 200), 6),
        "progressive": as_file(photograph(300, 200), "JPEG", progressive=True),
        "wide gamut": as_file(gradient(90, 60), "PNG", icc_profile=rgb_profile(*DISPLAY_P3)),
        "translucent": as_file(translucent, "PNG"),
        "palette": as_file(photograph(300, 200).quantize(64), "PNG", transparency=3),
        "16 bits": as_file(Image.linear_gradient("L").convert("I;16"), "PNG"),
        "cmyk": as_file(inks, "JPEG", icc_profile=cmyk_profile()),
        "moving gif": as_file(frames[0], "GIF", **moving),
        "moving webp": as_file(frames[0], "WEBP", **moving),
        "tiff": as_file(gradient(90, 60), "TIFF"),
    }


def _recipes() -> list[Recipe]:
    recipes = []
    for target in EVERY_FORMAT:
        recipes.append(Recipe(Crop(), Size(30, 20), FocalPoint(0.3, 0.9), format=target))
        recipes.append(Recipe(Thumbnail(), Size(80, 80), filter=Invert(), format=target))
        recipes.append(Recipe(Thumbnail(), Size(25, 25), format=target, encoding=KEPT))
    return recipes


def print_digests() -> None:
    """Render everything and print the digests."""
    recipes, digests = _recipes(), {}
    for name, file in _sources().items():
        digests[f"{name}, source"] = sha256(file.getvalue()).hexdigest()
        with open_picture(file, recipes, LIMITS) as picture:
            for number, recipe in enumerate(recipes):
                key = f"{name}, {number}: {recipe.format}"
                digests[key] = sha256(picture.render(recipe).data).hexdigest()
    print(json.dumps(digests))  # noqa: T201


def _digests_of_a_process(hash_seed: str) -> dict[str, str]:
    run = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import print_digests; print_digests()"],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(run.stdout)


def test_two_processes_write_the_same_bytes():
    """Neither the order of a set nor the current time is in a file."""
    first, begun_s = _digests_of_a_process("1"), int(time.time())
    while int(time.time()) == begun_s:
        time.sleep(0.02)  # files have the time in seconds

    second = _digests_of_a_process("2")

    assert first == second
    assert len(first) == len(_sources()) * (1 + len(_recipes()))
