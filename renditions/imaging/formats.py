"""What each output format is called, what it can hold and how it is written: one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from renditions.errors import OutOfMemory, RenderFailed, UnknownFormat


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
    png_compress_level: int = 6  # 0 fast to 9 small
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
    modes: tuple[str, ...]  # that it can hold; the first takes what fits nowhere else
    save_options: SaveOptions

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def has_alpha(self) -> bool:
        return "RGBA" in self.modes


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


FORMATS: tuple[Format, ...] = (
    Format("JPEG", ("jpg", "jpeg", "jpe", "jfif"), "image/jpeg", ("RGB", "L", "CMYK"), _jpeg),
    Format("PNG", ("png",), "image/png", ("RGB", "L", "RGBA", "LA"), _png),
    Format("GIF", ("gif",), "image/gif", ("RGB", "L", "RGBA", "LA"), _plain),
    Format("WEBP", ("webp",), "image/webp", ("RGB", "RGBA"), _webp),
    Format("AVIF", ("avif",), "image/avif", ("RGB", "L", "RGBA"), _avif),
    Format("TIFF", ("tif", "tiff"), "image/tiff", ("RGB", "L", "RGBA", "LA", "CMYK"), _plain),
    Format("BMP", ("bmp",), "image/bmp", ("RGB", "L"), _plain),
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


def encode(image: Image.Image, row: Format, encoding: Encoding) -> bytes:
    """Return `image`, in sRGB, as a file of format `row` that holds nothing but the picture."""
    image = _fit_mode(image, row, encoding.background)
    image.info = {}  # whatever the encoder finds there, it writes
    buffer = BytesIO()
    try:
        image.save(buffer, row.name, **row.save_options(encoding))
    except MemoryError as error:
        raise OutOfMemory("There was not enough memory to write the rendition.") from error
    except (OSError, ValueError, KeyError, RuntimeError, SystemError) as error:
        raise RenderFailed(f"Could not write {row.name} of {image.size}: {error}") from error
    return buffer.getvalue()


def _fit_mode(image: Image.Image, row: Format, background: tuple[int, int, int]) -> Image.Image:
    if image.mode in row.modes:
        return image
    if "A" in image.mode and not row.has_alpha:
        return flatten(image, background)
    return image.convert("RGBA" if "A" in image.mode else row.modes[0])


def flatten(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Return `image` as it looks on paper of colour `background`."""
    image = image.convert("RGBA")
    paper = Image.new("RGB", image.size, background)
    paper.paste(image, mask=image.getchannel("A"))
    return paper
