"""The table of formats: what each can hold and which options its encoder gets.

`imaging/headers/` has the other part of a format: how a file of it is recognised and measured.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from PIL import Image

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
    background: tuple[int, int, int] = (255, 255, 255)  # sRGB, where a format has no alpha
    color: str = "srgb"  # or "keep": embed the profile of the original
    animation: str = "first"  # frame only, or "keep": all frames


SaveOptions = Callable[[Encoding], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Format:
    """What one format can hold, and how it is written."""

    name: str  # Pillow's name; in lower case it is the last part of a rendition key
    extensions: tuple[str, ...]  # new files get the first
    mime: str
    modes: tuple[str, ...]  # that it can hold; a picture in another mode becomes the first
    save_options: SaveOptions
    alpha: bool = True
    animated: bool = False
    profiles: bool = True  # whether Pillow can embed an ICC profile
    # Corrects an animation that Pillow wrote. Takes the file and whether a frame is transparent.
    correct: Callable[[bytes, bool], bytes] = lambda data, transparent: data
    # Measured with Pillow 13: the picture, and the memory that `modes.to_working_mode` needs at the
    # same time. WebP, AVIF and HEIF depend on the file: see `decoders`.
    decode_bytes_per_pixel: int = 5
    frame_bytes_per_pixel: int = 0  # memory of the encoder of an animation
    # Name of the format of its renditions, if renditions are not written in this one.
    written_as: str | None = None
    # The package that decodes it, if Pillow cannot, and the extra of ours that installs it.
    package: str | None = None
    extra: str = ""
    is_common: bool = True  # accepted by default

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def is_installed(self) -> bool:
        return self.package is None or find_spec(self.package) is not None


def _jpeg(encoding: Encoding) -> Mapping[str, Any]:
    return {"quality": encoding.jpeg_quality, "progressive": encoding.progressive_jpeg}


def _webp(encoding: Encoding) -> Mapping[str, Any]:
    return {
        "quality": encoding.webp_quality,
        "lossless": encoding.webp_lossless,
        "method": encoding.webp_method,
    }


def _avif(encoding: Encoding) -> Mapping[str, Any]:
    # One thread: each worker process encodes a picture of its own at the same time.
    return {"quality": encoding.avif_quality, "speed": encoding.avif_speed, "max_threads": 1}


def _png(encoding: Encoding) -> Mapping[str, Any]:
    return {"compress_level": encoding.png_compress_level}


def _no_options(encoding: Encoding) -> Mapping[str, Any]:
    return {}


# Times of creation and of modification, 8 bytes each, in a box of version 1 (ISO/IEC 14496-12).
_AVIF_TIMES = re.compile(rb"((?:mvhd|tkhd|mdhd)\x01.{3}).{16}", re.DOTALL)


def _without_times(avif: bytes, transparent: bool) -> bytes:
    """Return `avif` with zeros for the current time, which libavif writes into animations."""
    boxes, name, pixels = avif.partition(b"mdat")
    return _AVIF_TIMES.sub(rb"\g<1>" + bytes(16), boxes) + name + pixels


# The byte of flags in the VP8X chunk, and the flag for alpha (RFC 9649, section 2.7).
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10


def _with_alpha_flag(webp: bytes, transparent: bool) -> bytes:
    """Return `webp` with the flag for alpha if a frame is transparent.

    libwebp crops each frame to the part that is not transparent. If nothing transparent is left in
    these parts, it does not set the flag.
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
        _no_options,
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
        correct=_with_alpha_flag,
        frame_bytes_per_pixel=28,
    ),
    Format(
        "AVIF",
        ("avif",),
        "image/avif",
        ("RGB", "L", "RGBA"),
        _avif,
        animated=True,
        correct=_without_times,
        frame_bytes_per_pixel=56,
    ),
    Format(
        "HEIF",
        ("heic", "heif", "hif"),
        "image/heic",
        ("RGB", "L", "RGBA"),
        _no_options,
        written_as="JPEG",
        package="pillow_heif",
        extra="heif",
    ),
    Format(
        "TIFF",
        ("tif", "tiff"),
        "image/tiff",
        ("RGB", "L", "RGBA", "LA", "CMYK"),
        _no_options,
        is_common=False,
    ),
    Format(
        "BMP",
        ("bmp",),
        "image/bmp",
        ("RGB", "L"),
        _no_options,
        alpha=False,
        profiles=False,
        is_common=False,
    ),
)
_BY_NAME = {each.key: each for each in FORMATS}
_BY_EXTENSION = {extension: each for each in FORMATS for extension in each.extensions}
OUTPUT_FORMATS = tuple(each for each in FORMATS if each.written_as is None)
_OUTPUT_BY_NAME = {each.key: each for each in OUTPUT_FORMATS}
# For each extension of a format that renditions are not written in: their format.
_INSTEAD = {
    extension: _BY_NAME[each.written_as.lower()]
    for each in FORMATS
    if each.written_as
    for extension in each.extensions
}


def format_named(name: str) -> Format:
    """Return the format `name`, in upper or lower case.

    Raises:
        UnknownFormat: the table has no such format.
    """
    found = _BY_NAME.get(name.lower())
    if found is None:
        raise UnknownFormat(f"Got {name!r}. Known: {', '.join(_BY_NAME)}.")
    return found


def output_format(name: str) -> Format:
    """Return the format `name` in which a rendition is to be written.

    Raises:
        UnknownFormat: the table has no such format, or it can only be read.
    """
    found = _OUTPUT_BY_NAME.get(name.lower())
    if found is None:
        raise UnknownFormat(f"Got {name!r}. Known: {', '.join(_OUTPUT_BY_NAME)}.")
    return found


def written_for(original: Format) -> Format:
    """Return the format of the renditions of an `original`, if their keys name none."""
    return original if original.written_as is None else format_named(original.written_as)


def written_instead(extension: str) -> Format | None:
    """Return the format of the renditions of an original that has this extension.

    None: it is the format of the original.
    """
    return _INSTEAD.get(extension.lower())


def default_formats() -> tuple[str, ...]:
    """Return the names of the formats that are accepted if the settings name none."""
    return tuple(each.name for each in FORMATS if each.is_common and each.is_installed)


def extensions_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the extensions under which a picture in one of the formats `names` is uploaded.

    Pillow knows more extensions than the table, for example `apng`. The pictures in an MPO file
    are JPEGs.
    """
    formats = [format_named(name) for name in names]
    from_table = [extension for each in formats for extension in each.extensions]
    names_of_pillow = {each.name for each in formats}
    if "JPEG" in names_of_pillow:
        names_of_pillow.add("MPO")
    from_pillow = [
        extension.lstrip(".")
        for extension, name in sorted(Image.registered_extensions().items())
        if name in names_of_pillow
    ]
    return tuple(dict.fromkeys([*from_table, *from_pillow]))


def format_for_extension(extension: str) -> Format | None:
    """Return the format of a file name's `extension`, with or without its dot."""
    return _BY_EXTENSION.get(extension.lower().lstrip("."))
