"""The steps that make a rendition."""

import pytest

from renditions.imaging.filters import Invert
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.pipeline import FRAME_STEPS, STEPS
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Crop

from .pictures import as_file, four_corners, photograph, read, render


def test_steps_have_names_that_say_what_is_done():
    assert [step.__name__ for step in STEPS] == [
        "cut_and_resample",
        "separate_alpha",
        "turn_upright",
        "convert_to_srgb",
        "apply_filter",
        "unify_frame_modes",
        "fit_to_format",
    ]


@pytest.mark.parametrize("alpha", [255, 90])
@pytest.mark.parametrize("chosen", [None, Invert()])
def test_a_frame_has_the_pixels_of_a_still_picture(alpha, chosen):
    """A frame takes the steps of a still picture, after it was brought to a working mode."""
    frames = [photograph(120, 80).convert("RGBA"), four_corners(120, 80).convert("RGBA")]
    for frame in frames:
        frame.putalpha(alpha)
    still = as_file(frames[0], "WEBP", lossless=True, exact=True)
    animated = as_file(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True
    )
    encoding = Encoding(animation="keep", webp_lossless=True)
    recipe = Recipe(
        Crop(), Size(50, 50), FocalPoint(0.2, 0.8), filter=chosen, format="webp", encoding=encoding
    )

    of_still, of_frame = (read(render(file, recipe)) for file in (still, animated))

    assert of_frame.n_frames == 2
    assert of_frame.convert("RGBA").tobytes() == of_still.convert("RGBA").tobytes()
    assert FRAME_STEPS[1:] == STEPS
