"""What each output format is called, what it can hold and how it is written: one row each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from renditions.errors import UnknownFormat


@dataclass(frozen=True, slots=True)
class Encoding:
    """Everything that changes a rendition's bytes besides its geometry."""

    jpeg_quality: int = 70
    progressive_jpeg: bool = False
    webp_quality: int = 70
    webp_lossless: bool = False
    webp_method: int = 2  # 0 fast to 6 small
    avif_quality: int = 60
    avif_speed: int = 8  # 0 small to 10 fast
    png_compress_level: int = 4  # 0 fast to 9 small; 6 takes 1.8 times as long for 2 % less
    background: tuple[int, int, int] = (255, 255, 255)  # sRGB, under what can't stay transparent
    color: str = "srgb"  # or "keep": the profile stays, and is embedded
    animation: str = "first"  # or "keep": all frames


SaveOptions = Callable[[Encoding], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Format:
    """One row."""

    name: str  # Pillow's; in lower case it ends a rendition key
    extensions: tuple[str, ...]  # the first is given to new files
    mime: str
    modes: tuple[str, ...]  # that it can hold; what fits nowhere else becomes the first
    save_options: SaveOptions
    alpha: bool = True
    animated: bool = False
    profiles: bool = True  # whether Pillow can embed one
    # What is left to do to a moving picture that Pillow wrote, if one can see through it or not.
    finish: Callable[[bytes, bool], bytes] = lambda data, transparent: data
    # Measured with Pillow 13: its decoder's buffers, which live as long as the picture does, and
    # what `modes.to_working_mode` takes beside them.
    decode_bytes_per_pixel: int = 5
    frame_bytes_per_pixel: int = 0  # the same of the encoder of a moving picture

    @property
    def key(self) -> str:
        return self.name.lower()


def _jpeg(encoding: Encoding) -> Mapping[str, Any]:
    return {"quality": encoding.jpeg_quality, "progressive": encoding.progressive_jpeg}


def _webp(encoding: Encoding) -> Mapping[str, Any]:
    return {
        "quality": encoding.webp_quality,
        "lossless": encoding.webp_lossless,
        "method": encoding.webp_method,
    }


def _avif(encoding: Encoding) -> Mapping[str, Any]:
    # One thread: as many pictures as there are workers are written at once.
    return {"quality": encoding.avif_quality, "speed": encoding.avif_speed, "max_threads": 1}


def _png(encoding: Encoding) -> Mapping[str, Any]:
    return {"compress_level": encoding.png_compress_level}


def _plain(encoding: Encoding) -> Mapping[str, Any]:
    return {}


# In a box of version 1, when it was made and when it was changed: eight bytes each.
_AVIF_TIMES = re.compile(rb"((?:mvhd|tkhd|mdhd)\x01.{3}).{16}", re.DOTALL)


def _without_times(avif: bytes, transparent: bool) -> bytes:
    """Return `avif` without the time of day, which libavif writes into animations."""
    boxes, name, pixels = avif.partition(b"mdat")
    return _AVIF_TIMES.sub(rb"\g<1>" + bytes(16), boxes) + name + pixels


# Of the flags of a WebP with several parts, by RFC 9649.
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10


def _with_alpha_flag(webp: bytes, transparent: bool) -> bytes:
    """Return `webp` with the word that one can see through it.

    libwebp says so only if some part that it kept of some frame is transparent, and keeps of each
    what isn't.
    """
    if not transparent or webp[12:16] != b"VP8X":
        return webp
    flags = webp[_WEBP_FLAGS] | _WEBP_ALPHA
    return webp[:_WEBP_FLAGS] + bytes([flags]) + webp[_WEBP_FLAGS + 1 :]


FORMATS: tuple[Format, ...] = (
    Format(
        "JPEG",
        ("jpg", "jpeg", "jpe", "jfif"),
        "image/jpeg",
        ("RGB", "L", "CMYK"),
        _jpeg,
        alpha=False,
        decode_bytes_per_pixel=4,
    ),
    Format("PNG", ("png",), "image/png", ("RGB", "L", "RGBA", "LA"), _png),
    Format(
        "GIF",
        ("gif",),
        "image/gif",
        ("P", "L"),
        _plain,
        animated=True,
        profiles=False,
        frame_bytes_per_pixel=20,
    ),
    Format(
        "WEBP",
        ("webp",),
        "image/webp",
        ("RGB", "RGBA"),
        _webp,
        animated=True,
        finish=_with_alpha_flag,
        decode_bytes_per_pixel=18,
        frame_bytes_per_pixel=28,
    ),
    Format(
        "AVIF",
        ("avif",),
        "image/avif",
        ("RGB", "L", "RGBA"),
        _avif,
        animated=True,
        finish=_without_times,
        decode_bytes_per_pixel=18,
        frame_bytes_per_pixel=56,
    ),
    Format("TIFF", ("tif", "tiff"), "image/tiff", ("RGB", "L", "RGBA", "LA", "CMYK"), _plain),
    Format("BMP", ("bmp",), "image/bmp", ("RGB", "L"), _plain, alpha=False, profiles=False),
)
_BY_NAME = {row.key: row for row in FORMATS}
_BY_EXTENSION = {extension: row for row in FORMATS for extension in row.extensions}


def format_named(name: str) -> Format:
    """Return the row called `name`, in any case.

    Raises:
        UnknownFormat: there is none.
    """
    row = _BY_NAME.get(name.lower())
    if row is None:
        raise UnknownFormat(f"Got {name!r}. Known: {', '.join(_BY_NAME)}.")
    return row


def format_for_extension(extension: str) -> Format | None:
    """Return the row that `extension`, with or without its dot, belongs to."""
    return _BY_EXTENSION.get(extension.lower().lstrip("."))
