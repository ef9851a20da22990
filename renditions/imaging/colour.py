"""What the numbers mean: an embedded profile is applied, the result is sRGB, the profile goes."""

import threading
from io import BytesIO

from PIL import Image, ImageChops, ImageCms

from .headers.icc import Profile

_MAX_KEPT = 16  # ways to sRGB; each has up to 2 MB


def to_srgb(image: Image.Image, profile: Profile | None) -> Image.Image:
    """Return `image` in sRGB: L, LA, RGB or RGBA.

    Args:
        image: L, LA, RGB, RGBA, CMYK or LAB; one with alpha may be changed.
        profile: The ICC profile its numbers are meant in. One that LittleCMS can't read, or that is
            made for another kind of numbers, counts as none.
    """
    if image.mode not in ("LA", "RGBA"):
        return _opaque_to_srgb(image, profile)
    mode = image.mode[:-1]
    if profile is None or profile.mode not in (mode, "RGB"):
        return image
    if mode == "RGB":
        transform = _transform(profile, "RGBA")
        return transform.apply(image, image) if transform else image
    alpha = image.getchannel("A")
    image = _opaque_to_srgb(image.getchannel("L"), profile)
    image.putalpha(alpha)
    return image


def usable_profile(mode: str, profile: Profile | None) -> bytes | None:
    """Return `profile` as it was if the numbers of a picture of `mode` can be meant in it."""
    return profile.data if profile and profile.mode == mode.removesuffix("A") else None


def _opaque_to_srgb(image: Image.Image, profile: Profile | None) -> Image.Image:
    mode = profile.mode if profile else None
    if mode == "RGB" and image.mode == "L":
        return _opaque_to_srgb(image.convert("RGB"), profile).convert("L")
    if mode == image.mode and (transform := _transform(profile, mode)):
        converted = transform.apply(image)
        return converted.convert("L") if mode == "L" else converted
    if image.mode == "LAB" and (transform := _transform(None, "LAB")):
        return transform.apply(image)
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


_Way = ImageCms.ImageCmsTransform | None
_KEPT: dict[tuple[bytes, str], _Way] = {}  # the latest is the last
_KEPT_LOCK = threading.Lock()


def _transform(profile: Profile | None, mode: str) -> _Way:
    """Return the way from `profile` to sRGB, built once for all pictures of one camera.

    None: there is no way, or nothing would change.
    """
    # By digest, so that no profile stays in memory for it.
    key = (profile.digest if profile else b"", mode)
    with _KEPT_LOCK:
        way = _KEPT.pop(key) if key in _KEPT else _build(profile, mode)
        _KEPT[key] = way
        if len(_KEPT) > _MAX_KEPT:
            del _KEPT[next(iter(_KEPT))]
        return way


def _build(profile: Profile | None, mode: str) -> _Way:
    srgb = ImageCms.createProfile("sRGB")
    try:
        source = (
            ImageCms.ImageCmsProfile(BytesIO(profile.for_littlecms()))
            if profile
            else ImageCms.createProfile("LAB")
        )
        # Alpha is left alone.
        transform = ImageCms.buildTransform(source, srgb, mode, "RGBA" if mode == "RGBA" else "RGB")
    except (OSError, ImageCms.PyCMSError):
        return None
    return None if mode in ("L", "RGB", "RGBA") and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Most profiles are sRGB itself: then no colour of a chart moves by more than 1."""
    chart = Image.new("RGB", (17**3, 1))
    steps = [min(step * 16, 255) for step in range(17)]
    chart.putdata([(r, g, b) for r in steps for g in steps for b in steps])
    chart = chart.convert(mode)
    moved = ImageChops.difference(transform.apply(chart), chart.convert(transform.output_mode))
    return not any(count for step, count in enumerate(moved.histogram()) if step % 256 > 1)
