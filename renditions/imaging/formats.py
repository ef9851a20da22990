"""What each output format is called, what it can hold and how it is written: one row each."""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

from PIL import Image

from renditions.errors import OutOfMemory, RenderFailed, UnknownFormat

from .modes import GREYS, WITH_ALPHA
from .reels import Reel


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
    # what `modes.plain` takes beside them.
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
        raise UnknownFormat(f"No output format {name!r}. Known: {', '.join(_BY_NAME)}.")
    return row


def format_for_extension(extension: str) -> Format | None:
    """Return the row that `extension`, with or without its dot, belongs to."""
    return _BY_EXTENSION.get(extension.lower().lstrip("."))


def encode(
    image: Image.Image, row: Format, encoding: Encoding, *, profile: bytes | None = None
) -> bytes:
    """Return a file of format `row` that holds the picture and nothing else.

    Args:
        image: Its info may be changed.
        profile: To be embedded; of a picture that needs no fitting.
    """
    image = fit(image, row, encoding.background)
    return _save(image, row, _options(image, row, encoding, profile))


def encode_frames(
    frames: Callable[[], Iterator[Image.Image]],
    row: Format,
    encoding: Encoding,
    timing: Mapping[str, Any],
    *,
    transparent: bool,
    profile: bytes | None = None,
) -> bytes:
    """Return a file of format `row` that holds a moving picture and nothing else.

    Args:
        frames: Gives all frames, one after another, in one mode.
        timing: The options that Pillow's encoder takes for it; one duration for each frame.
        transparent: Whether some frame is.
    """

    fitted = partial(fit, row=row, background=encoding.background)
    reel = Reel(lambda: map(fitted, frames()), len(timing["duration"]))
    options = {**_options(reel, row, encoding, profile), **timing, "save_all": True}
    return row.finish(_save(reel, row, options), transparent)


def _options(
    fitted: Image.Image, row: Format, encoding: Encoding, profile: bytes | None
) -> dict[str, Any]:
    options = dict(row.save_options(encoding))
    if "transparency" in fitted.info:
        options["transparency"] = fitted.info["transparency"]
    if profile:
        options["icc_profile"] = profile
    return options


def _save(image: Image.Image, row: Format, options: Mapping[str, Any]) -> bytes:
    buffer = BytesIO()
    try:
        image.save(buffer, row.name, **options)
    except MemoryError as error:
        raise OutOfMemory("There was not enough memory to write the rendition.") from error
    except (OSError, ValueError, KeyError, RuntimeError, SystemError, struct.error) as error:
        raise RenderFailed(f"Could not write {row.name} of {image.size}: {error}") from error
    return buffer.getvalue()


def fit(image: Image.Image, row: Format, background: tuple[int, int, int]) -> Image.Image:
    """Return `image` in a mode that `row` can hold; its info says only what that needs."""
    image.info = {}  # whatever an encoder finds there, it writes
    if image.mode in row.modes:
        return image
    transparent = image.mode in WITH_ALPHA
    if transparent and not row.alpha:
        return flatten(image, background)
    if row.modes[0] == "P":
        return to_palette(image)
    if image.mode in GREYS and not transparent and "L" in row.modes:
        return image.convert("L")
    return image.convert("RGBA" if transparent else row.modes[0])


def flatten(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Return `image` as it looks on paper of colour `background`."""
    image = image.convert("RGBA")
    paper = Image.new("RGB", image.size, background)
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def to_palette(image: Image.Image) -> Image.Image:
    """Return `image` in 256 colours; what is more than half transparent becomes invisible."""
    if image.mode not in WITH_ALPHA:
        return image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT)
    image = image.convert("RGBA")
    invisible = image.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
    result = image.convert("RGB").quantize(255, Image.Quantize.MEDIANCUT)
    result.paste(255, mask=invisible)
    result.info = {"transparency": 255}
    return result
