"""What the numbers mean: an embedded profile is applied, the result is sRGB, the profile goes."""

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageChops, ImageCms

_MODES_OF_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return `image` in sRGB: L, LA, RGB or RGBA.

    Args:
        image: L, LA, RGB, RGBA, CMYK or LAB.
        profile: The ICC profile its numbers are meant in. One that is broken, or made for another
            kind of numbers, counts as none.
    """
    if image.mode not in ("LA", "RGBA"):
        return _opaque_to_srgb(image, profile)
    alpha = image.getchannel("A")
    image = _opaque_to_srgb(image.convert(image.mode[:-1]), profile)
    image.putalpha(alpha)
    return image


def usable_profile(image: Image.Image, profile: bytes | None) -> bytes | None:
    """Return `profile` if the numbers of `image` can be meant in it."""
    return profile if profile and _profile_mode(profile) == image.mode.removesuffix("A") else None


def _opaque_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    mode = _profile_mode(profile) if profile else None
    if mode == "RGB" and image.mode == "L":
        return _opaque_to_srgb(image.convert("RGB"), profile).convert("L")
    if mode == image.mode and (transform := _transform(profile, mode)):
        converted = transform.apply(image)
        return converted.convert("L") if mode == "L" else converted
    if image.mode == "LAB" and (transform := _transform(None, "LAB")):
        return transform.apply(image)
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


@lru_cache(maxsize=64)
def _profile_mode(profile: bytes) -> str | None:
    """Return the mode of the pictures that `profile` is for."""
    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return None
    return _MODES_OF_SPACES.get(opened.profile.xcolor_space.strip())


@lru_cache(maxsize=16)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way from `profile` to sRGB, built once for all pictures of one camera.

    None: there is no way, or nothing would change.
    """
    srgb = ImageCms.createProfile("sRGB")
    try:
        source = (
            ImageCms.ImageCmsProfile(BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        )
        transform = ImageCms.buildTransform(source, srgb, mode, "RGB")
    except (OSError, ImageCms.PyCMSError):
        return None
    return None if mode in ("L", "RGB") and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Most profiles are sRGB itself: then no colour of a chart moves by more than 1."""
    chart = Image.new("RGB", (17**3, 1))
    steps = [min(step * 16, 255) for step in range(17)]
    chart.putdata([(r, g, b) for r in steps for g in steps for b in steps])
    chart = chart.convert(mode)
    moved = ImageChops.difference(transform.apply(chart), chart.convert("RGB"))
    return not any(count for step, count in enumerate(moved.histogram()) if step % 256 > 1)
