"""What the numbers mean: an embedded profile is applied, the result is sRGB, the profile goes."""

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return `image` in sRGB: L, RGB or RGBA.

    Args:
        image: L, RGB, RGBA, CMYK or LAB.
        profile: The ICC profile its numbers are meant in; one that can't be used counts as none.
    """
    mode = "LAB" if image.mode == "LAB" else _profile_mode(profile)
    if mode is None:
        return image.convert("RGB") if image.mode == "CMYK" else image
    if mode == "L" and image.mode != "L":
        return image.convert("RGB") if image.mode == "CMYK" else image
    if mode == "CMYK" and image.mode != "CMYK":
        return image
    if mode == "RGB" and image.mode == "CMYK":
        return image.convert("RGB")
    grey = image.mode == "L"
    if mode == "RGB" and grey:
        image = image.convert("RGB")
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    transform = _transform(profile if mode != "LAB" else None, image.mode, target)
    if transform is None:
        return image
    converted = transform.apply(image)
    return converted.convert("L") if grey else converted


def _profile_mode(profile: bytes | None) -> str | None:
    if not profile:
        return None
    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return None
    return _PROFILE_MODES.get(opened.profile.xcolor_space.strip())


@lru_cache(maxsize=16)
def _transform(profile: bytes | None, mode: str, target: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way to sRGB, built once for all pictures from one camera; None: no way."""
    source = (
        ImageCms.ImageCmsProfile(BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
    )
    try:
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)
    except ImageCms.PyCMSError:
        return None
