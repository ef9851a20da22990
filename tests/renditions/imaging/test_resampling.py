"""SIMD and Pillow give the same pixels."""

import pytest
from PIL import Image, ImageChops, ImageStat

from renditions.imaging import resampling
from renditions.imaging.geometry import Size
from renditions.imaging.modes import to_working_mode

from .pictures import four_corners, photograph

BOXES = [(0, 0, 640, 480), (100.5, 20.25, 500.75, 470), (0, 0, 640, 1), (639, 479, 640, 480)]
SIZES = [Size(320, 240), Size(100, 37), Size(1, 1), Size(900, 700)]


@pytest.mark.skipif(resampling.simd is None, reason="cykooz.resizer has no wheel for this platform")
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "RGBa"])
@pytest.mark.parametrize("box", BOXES)
def test_pillow_and_simd_agree(mode, box, monkeypatch):
    """On platforms without SIMD, values differ by no more than the tolerance."""
    picture = photograph(640, 480)
    if mode == "RGBa":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        picture = picture.convert("RGBA")
    picture = picture.convert(mode)
    for size in SIZES:
        fast = resampling.resample(picture, box, size)
        with monkeypatch.context() as patch:
            patch.setattr(resampling, "simd", None)
            slow = resampling.resample(picture, box, size)

        difference = ImageStat.Stat(ImageChops.difference(fast, slow))
        assert fast.mode == slow.mode == mode
        assert max(difference.mean) < resampling.TOLERANCE_MEAN
        assert max(high for low, high in difference.extrema) <= resampling.TOLERANCE


def test_both_premultiply_alpha(monkeypatch):
    picture = four_corners(40, 40, [(200, 100, 50, alpha) for alpha in (40, 90, 180, 250)])
    fast = to_working_mode(picture.copy())
    monkeypatch.setattr(resampling, "simd", None)
    slow = to_working_mode(picture.copy())

    assert fast.mode == slow.mode == "RGBa"
    assert max(ImageStat.Stat(ImageChops.difference(fast, slow)).mean) <= 1


@pytest.mark.parametrize("resizer", ["simd", "Pillow"])
def test_a_box_may_be_outside_by_a_rounding_error(resizer, monkeypatch):
    """49 px times 7/49 is a little more than 7."""
    if resizer == "Pillow":
        monkeypatch.setattr(resampling, "simd", None)
    box = (0, 0, 7.000000000000001, 7.000000000000001)

    assert resampling.resample(four_corners(7, 7), box, Size(3, 3)).size == (3, 3)


def test_the_result_shares_no_pixels():
    picture = four_corners(40, 40)
    copy = resampling.resample(picture, (0, 0, 40, 40), Size(40, 40))
    copy.paste(0, (0, 0, 40, 40))

    assert picture.getpixel((1, 1)) != (0, 0, 0)
