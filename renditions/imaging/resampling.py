"""Who computes the pixels: `cykooz.resizer` (SIMD) where it is installed, else Pillow."""

from typing import Any

from PIL import Image

from .geometry import Size

try:
    import cykooz_resizer as simd
except ImportError:  # it has no wheel for this platform
    simd = None

_SIMD_MODES = ("L", "RGB", "RGBa", "CMYK")

# How much the two may differ, of 255: at one pixel, and in the mean.
TOLERANCE, TOLERANCE_MEAN = 8, 0.6

FloatBox = tuple[float, float, float, float]


def new_resizer() -> Any:
    """Return a resizer for `resample`, which keeps its buffers between two calls."""
    return simd.Resizer() if simd is not None else None


def resample(image: Image.Image, box: FloatBox, size: Size, resizer: Any = None) -> Image.Image:
    """Return `box` of `image` at `size`, by Lanczos, as a new picture.

    Args:
        image: In a working mode; alpha is premultiplied.
        box: left, top, right, bottom, px.
    """
    left, top, right, bottom = box  # may be outside by a rounding error
    box = left, top, min(right, image.width), min(bottom, image.height)
    if simd is not None and image.mode in _SIMD_MODES:
        return _resample_with_simd(image, box, size, resizer or new_resizer())
    return image.resize(size.as_tuple, Image.Resampling.LANCZOS, box)


def multiply_alpha(image: Image.Image) -> Image.Image:
    """Return RGBA `image` as RGBa; it may be changed to save a copy."""
    if simd is None:
        return image.convert("RGBa")
    simd.AlphaMulDiv().multiply_alpha_pil_inplace(image)
    return image


def _resample_with_simd(image: Image.Image, box: FloatBox, size: Size, resizer: Any) -> Image.Image:
    left, top, right, bottom = box
    result = Image.new(image.mode, size.as_tuple, None)  # every pixel is written below
    options = simd.ResizeOptions(
        resize_alg=simd.ResizeAlg.convolution(simd.FilterType.lanczos3),
        crop_box=simd.CropBox(left, top, right - left, bottom - top),
    )
    resizer.resize_pil(image, result, options)
    return result
