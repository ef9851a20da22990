"""Which colours do the values mean? An embedded profile is applied, and the result is sRGB."""

import threading
from io import BytesIO

from PIL import Image, ImageChops, ImageCms

from .headers.icc import Profile

_MAX_TRANSFORMS = 16  # up to 2 MB each


def to_srgb(image: Image.Image, profile: Profile | None) -> Image.Image:
    """Return `image` in sRGB: L, LA, RGB or RGBA.

    Args:
        image: L, LA, RGB, RGBA, CMYK or LAB. A picture with alpha may be changed.
        profile: Its ICC profile. A profile that LittleCMS cannot read, or for pictures of another
            mode, counts as none.
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
    """Return the bytes of `profile` if it is for pictures of `mode`."""
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


_Transform = ImageCms.ImageCmsTransform | None
_TRANSFORMS: dict[tuple[bytes, str], _Transform] = {}  # the last one used is the last
_TRANSFORMS_LOCK = threading.Lock()


def _transform(profile: Profile | None, mode: str) -> _Transform:
    """Return the transform from `profile` to sRGB, built once for all pictures of one camera.

    None: LittleCMS cannot build it, or it would change nothing.
    """
    # By digest: profiles of up to 5 MB do not stay in memory.
    key = (profile.digest if profile else b"", mode)
    with _TRANSFORMS_LOCK:
        transform = _TRANSFORMS.pop(key) if key in _TRANSFORMS else _build(profile, mode)
        _TRANSFORMS[key] = transform
        if len(_TRANSFORMS) > _MAX_TRANSFORMS:
            del _TRANSFORMS[next(iter(_TRANSFORMS))]
        return transform


def _build(profile: Profile | None, mode: str) -> _Transform:
    srgb = ImageCms.createProfile("sRGB")
    try:
        source = (
            ImageCms.ImageCmsProfile(BytesIO(profile.for_littlecms()))
            if profile
            else ImageCms.createProfile("LAB")
        )
        # In RGBA mode, LittleCMS does not change alpha.
        transform = ImageCms.buildTransform(source, srgb, mode, "RGBA" if mode == "RGBA" else "RGB")
    except (OSError, ImageCms.PyCMSError):
        return None
    return None if mode in ("L", "RGB", "RGBA") and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether `transform` moves no colour of a chart by more than 1: most profiles are sRGB."""
    chart = Image.new("RGB", (17**3, 1))
    steps = [min(step * 16, 255) for step in range(17)]
    chart.putdata([(r, g, b) for r in steps for g in steps for b in steps])
    chart = chart.convert(mode)
    moved = ImageChops.difference(transform.apply(chart), chart.convert(transform.output_mode))
    return not any(count for step, count in enumerate(moved.histogram()) if step % 256 > 1)
