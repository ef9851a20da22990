"""The one seam to whoever moves the pixels: `cykooz.resizer` where it is installed, else Pillow."""

from PIL import Image

from .geometry import Size

try:
    import cykooz_resizer
except ImportError:  # no wheel for this platform
    cykooz_resizer = None

_SIMD_MODES = ("L", "RGB", "RGBA", "CMYK")

FloatBox = tuple[float, float, float, float]


def resample(image: Image.Image, box: FloatBox, size: Size) -> Image.Image:
    """Return `box` of `image` at `size`, by Lanczos; transparent pixels have no say in colours."""
    if box == (0, 0, *image.size) and size.as_tuple == image.size:
        return image.copy()
    if cykooz_resizer is not None and image.mode in _SIMD_MODES:
        return _resample_with_simd(image, box, size)
    return image.resize(size.as_tuple, Image.Resampling.LANCZOS, box)


def _resample_with_simd(image: Image.Image, box: FloatBox, size: Size) -> Image.Image:
    left, top, right, bottom = box
    result = Image.new(image.mode, size.as_tuple)
    options = cykooz_resizer.ResizeOptions(
        resize_alg=cykooz_resizer.ResizeAlg.convolution(cykooz_resizer.FilterType.lanczos3),
        crop_box=cykooz_resizer.CropBox(left, top, right - left, bottom - top),
    )
    cykooz_resizer.Resizer().resize_pil(image, result, options)
    return result
