"""The largest pictures that the limits allow. Each must be rendered in bounded memory."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from renditions.imaging.decoders import memory_needed
from renditions.imaging.formats import Encoding, Format, format_named
from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.headers import read_header
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import FileSizer, Thumbnail
from renditions.imaging.sources import Limits
from tests.heif import as_heif

from .runner import ANIMATED, STILL

# A worker process may take 450 MB. The rest is for Django and the project.
GIANT_MB = 400
# If a rendition has all pixels with their alpha, a second picture of this size is in memory.
TWICE_MB = 440
# Some decoders need as much, however small the renditions are.
DECODER_MB = 440

Maker = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Giant:
    """A large picture, and the renditions that are made of it."""

    make: Maker
    recipes: Sequence[Recipe] = (*STILL, *ANIMATED)
    max_mb: int = GIANT_MB
    incomplete: str = "refuse"


def _largest(sample: bytes) -> Size:
    """Return the size of the largest picture that the limits allow, with sides of 5:4.

    Args:
        sample: A small picture that is stored in the same way.
    """
    limits = Limits()
    header = read_header(BytesIO(sample), max_metadata_bytes=10**6, max_scans=100)
    assert header.format is not None
    needed = memory_needed(header, format_named(header.format), Size(1000, 1000)) / 1_000_000
    unit = int((min(limits.max_pixels, limits.max_decode_bytes / needed) / 20) ** 0.5)
    return Size(5 * unit, 4 * unit)


def _giant(format_name: str, mode: str = "RGB", **options: Any) -> Maker:
    def picture(size: Size) -> bytes:
        # Not one colour, which some encoders store in a shorter form.
        gradient = Image.linear_gradient("L").resize(size.as_tuple)
        image = gradient.convert(mode)
        if mode in ("LA", "RGBA"):
            image.putalpha(gradient)
        if format_name == "HEIF":
            return as_heif(image, **options)
        buffer = BytesIO()
        image.save(buffer, format_name, **options)
        return buffer.getvalue()

    return lambda: picture(_largest(picture(Size(64, 64))))


def _one_transparent(mode: str, colour: bytes) -> Maker:
    """A PNG with a transparent colour, which may not occur."""

    def make() -> bytes:
        data = _giant("PNG", mode, compress_level=1)()
        chunk = struct.pack(">I", len(colour)) + b"tRNS" + colour
        return data[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + data[33:]

    return make


def _without_end(make: Maker, missing: int) -> Maker:
    return lambda: make()[:-missing]


def _not_covered() -> bytes:
    """A GIF whose frame is 1 pixel lower than its canvas: the rest is transparent."""
    size = _largest("GIF")
    data = _giant("GIF", "P")()
    return data[:6] + struct.pack("<2H", size.width, size.height + 1) + data[10:]


def _animation(format_name: str, frames: int = 20) -> Maker:
    """All frames together have as many pixels as the limit allows."""
    unit = int((Limits().max_frame_pixels / frames / 20) ** 0.5)

    def make() -> bytes:
        first, *more = (Image.effect_noise((5 * unit, 4 * unit), 9 * n + 9) for n in range(frames))
        buffer = BytesIO()
        first.save(buffer, format_name, save_all=True, append_images=more)
        return buffer.getvalue()

    return make


def _transparent_animation(format_name: str, side: int, frames: int) -> Maker:
    def drawn() -> Iterator[Image.Image]:
        for n in range(frames):
            noise = Image.effect_noise((side // 8, side // 8), 9 * n + 9).resize((side, side))
            frame = Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180)))
            frame.putalpha(Image.linear_gradient("L").resize((side, side)))
            yield frame

    def make() -> bytes:
        first, *more = drawn()
        options = {"method": 0} if format_name == "WEBP" else {"disposal": 2}
        buffer = BytesIO()
        first.save(buffer, format_name, save_all=True, append_images=more, **options)
        return buffer.getvalue()

    return make


def _all_frames(*formats: str, side: int | None = None) -> list[Recipe]:
    sizer, size = (Thumbnail(), Size(side, side)) if side else (None, None)
    keep = Encoding(animation="keep", avif_speed=10, webp_method=0)
    return [Recipe(sizer, size, format=name, encoding=keep) for name in formats]


class _FileThumbnail(FileSizer):
    """Makes its own file, as sizers for django-versatileimagefield do, and needs another copy."""

    filename_key = "file"

    def make_file(
        self,
        image: Image.Image,
        size: Size,
        ppoi: FocalPoint,
        output_format: Format,
        encoding: Encoding,
    ) -> bytes:
        buffer = BytesIO()
        image.thumbnail(size.as_tuple)
        image.save(buffer, output_format.name)
        return buffer.getvalue()


_FILES = [Recipe(_FileThumbnail(), Size(side, side)) for side in (300, 100)]

_FAST_HEIF = {"quality": 50, "enc_params": {"preset": "ultrafast"}}

GIANTS = {
    "jpeg": Giant(_giant("JPEG", subsampling=0)),
    "jpeg, progressive": Giant(_giant("JPEG", progressive=True, subsampling=0)),
    "jpeg, cmyk": Giant(_giant("JPEG", "CMYK")),
    "jpeg, without its end": Giant(
        _without_end(_giant("JPEG", subsampling=0), 999), incomplete="accept"
    ),
    "jpeg, progressive, without its end": Giant(
        _without_end(_giant("JPEG", progressive=True, subsampling=0), 9), incomplete="accept"
    ),
    "png, without its end": Giant(
        _without_end(_giant("PNG", "RGBA", compress_level=1), 999), incomplete="accept"
    ),
    "jpeg, grey": Giant(_giant("JPEG", "L")),
    "png, transparent": Giant(_giant("PNG", "RGBA", compress_level=1)),
    "png, transparent, at its size": Giant(
        _giant("PNG", "RGBA", compress_level=1), [Recipe()], TWICE_MB
    ),
    "png, transparent grey": Giant(_giant("PNG", "LA", compress_level=1)),
    "png, transparent grey, at its size": Giant(
        _giant("PNG", "LA", compress_level=1), [Recipe()], TWICE_MB
    ),
    "png, one colour transparent": Giant(_one_transparent("RGB", b"\0\3\0\3\0\3")),
    "png, a transparent colour nowhere": Giant(_one_transparent("RGB", b"\0\1\0\2\0\3")),
    "png, 16 bits, one transparent": Giant(_one_transparent("I;16", b"\0\3")),
    "png, palette": Giant(_giant("PNG", "P", compress_level=1)),
    "png, 16 bits": Giant(_giant("PNG", "I;16", compress_level=1)),
    "jpeg, file sizers": Giant(_giant("JPEG"), [*_FILES, *STILL]),
    "png, transparent, file sizers": Giant(
        _giant("PNG", "RGBA", compress_level=1), _FILES, TWICE_MB
    ),
    "gif": Giant(_giant("GIF", "P")),
    "gif, canvas not covered": Giant(_not_covered),
    "webp": Giant(_giant("WEBP", method=0)),
    "webp, transparent": Giant(_giant("WEBP", "RGBA", method=0)),
    "webp, at its size": Giant(_giant("WEBP", method=0), [Recipe(format="jpeg")]),
    "webp, lossless": Giant(_giant("WEBP", "RGBA", lossless=True, method=0), max_mb=DECODER_MB),
    "avif": Giant(_giant("AVIF", speed=10), max_mb=DECODER_MB),
    "avif, grey": Giant(_giant("AVIF", "L", speed=10)),
    "avif, transparent": Giant(
        _giant("AVIF", "RGBA", speed=10, subsampling="4:4:4"), max_mb=DECODER_MB
    ),
    "heif": Giant(_giant("HEIF", **_FAST_HEIF)),
    "heif, tiles": Giant(_giant("HEIF", tile_size=512, **_FAST_HEIF)),
    "heif, tiles, 4:4:4": Giant(
        _giant("HEIF", tile_size=512, chroma=444, **_FAST_HEIF), max_mb=DECODER_MB
    ),
    "heif, grey": Giant(_giant("HEIF", "L", **_FAST_HEIF)),
    "heif, transparent": Giant(_giant("HEIF", "RGBA", **_FAST_HEIF), max_mb=DECODER_MB),
    "gif, all frames kept": Giant(_animation("GIF")),
    "webp, all frames kept": Giant(_animation("WEBP")),
    "webp, all frames at their size": Giant(
        _transparent_animation("WEBP", 1000, 40), _all_frames("webp")
    ),
    "gif, all frames at their size": Giant(
        _transparent_animation("GIF", 2700, 5), _all_frames("gif")
    ),
    "webp, large frames": Giant(
        _transparent_animation("WEBP", 3600, 3), _all_frames("webp", side=500)
    ),
}
