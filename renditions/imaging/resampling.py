"""The one seam to whoever moves the pixels: `cykooz.resizer` where it is installed, else Pillow."""

from typing import Any

from PIL import Image

from .geometry import Size

try:
    import cykooz_resizer as simd
except ImportError:  # it has no wheel for this platform
    simd = None

_SIMD_MODES = ("L", "RGB", "RGBa", "CMYK")

# How far the two sides may differ, of 255: at a single pixel, and in the mean.
TOLERANCE, TOLERANCE_MEAN = 8, 0.6

FloatBox = tuple[float, float, float, float]


def new_resizer() -> Any:
    """Return what keeps its buffers from one `resample` of a picture to the next."""
    return simd.Resizer() if simd is not None else None


def resample(image: Image.Image, box: FloatBox, size: Size, resizer: Any = None) -> Image.Image:
    """Return `box` of `image` at `size`, by Lanczos, as a picture of its own.

    `image` is in a plain mode: alpha is premultiplied. A test holds both sides to the tolerance.
    """
    left, top, right, bottom = box  # whose last digit may lie beyond the edge
    box = left, top, min(right, image.width), min(bottom, image.height)
    if simd is not None and image.mode in _SIMD_MODES:
        return _resample_with_simd(image, box, size, resizer or new_resizer())
    return image.resize(size.as_tuple, Image.Resampling.LANCZOS, box)


def multiply_alpha(image: Image.Image) -> Image.Image:
    """Return RGBA `image` as RGBa; it may be changed to spare a copy."""
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
