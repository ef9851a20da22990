"""The largest pictures that are accepted: each must be rendered in bounded memory."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image

from renditions.imaging.formats import format_named
from renditions.imaging.geometry import Size
from renditions.imaging.sources import Limits

# With as much left for Django and a project as a worker's process takes before its first picture.
GIANT_MB = 400

Maker = Callable[[], bytes]


def _largest(format_name: str) -> Size:
    """Return the size, 5 by 4, of the largest picture that the limits allow."""
    limits = Limits()
    decoded = limits.max_decode_bytes // format_named(format_name).decode_bytes_per_pixel
    unit = int((min(limits.max_pixels, decoded) / 20) ** 0.5)
    return Size(5 * unit, 4 * unit)


def _giant(format_name: str, mode: str = "RGB", **options: Any) -> Maker:
    def make() -> bytes:
        # Not of one colour, so that no encoder finds a way to say it shorter.
        gradient = Image.linear_gradient("L").resize(_largest(format_name).as_tuple)
        image = gradient.convert(mode)
        if mode == "RGBA":
            image.putalpha(gradient)
        buffer = BytesIO()
        image.save(buffer, format_name, **options)
        return buffer.getvalue()

    return make


def _moving(format_name: str, frames: int = 20) -> Maker:
    """All frames together have as many pixels as are kept."""
    unit = int((Limits().max_frame_pixels / frames / 20) ** 0.5)

    def make() -> bytes:
        first, *more = (Image.effect_noise((5 * unit, 4 * unit), 9 * n + 9) for n in range(frames))
        buffer = BytesIO()
        first.save(buffer, format_name, save_all=True, append_images=more)
        return buffer.getvalue()

    return make


GIANTS: dict[str, Maker] = {
    "jpeg": _giant("JPEG", subsampling=0),
    "jpeg, progressive": _giant("JPEG", progressive=True, subsampling=0),
    "jpeg, cmyk": _giant("JPEG", "CMYK"),
    "jpeg, grey": _giant("JPEG", "L"),
    "png, transparent": _giant("PNG", "RGBA", compress_level=1),
    "png, palette": _giant("PNG", "P", compress_level=1),
    "png, 16 bits": _giant("PNG", "I;16", compress_level=1),
    "gif": _giant("GIF", "P"),
    "webp": _giant("WEBP", method=0),
    "webp, transparent": _giant("WEBP", "RGBA", method=0),
    "webp, lossless": _giant("WEBP", "RGBA", lossless=True, method=0),
    "avif": _giant("AVIF", speed=10),
    "avif, transparent": _giant("AVIF", "RGBA", speed=10, subsampling="4:4:4"),
    "gif, all frames kept": _moving("GIF"),
    "webp, all frames kept": _moving("WEBP"),
}
