"""Opening and decoding a still picture, with as little memory as its decoder allows.

A large picture needs its decoder and its pixels at the same time. Pillow keeps the decoder of a
WebP or an AVIF, with all its buffers, until the picture is closed, and copies the pixels once more.
Here the decoder is freed as soon as it has the pixels, and they are used where they are.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from typing import Any, BinaryIO

from PIL import Image

from .formats import Format
from .geometry import Size
from .headers import Header, is_webp_animation
from .headers.header import Planes

_HEIF = "HEIF"
_Pixels = Any  # bytes, or another object with a buffer


def open_image(file: BinaryIO, source_format: Format) -> Image.Image:
    """Return the picture in `file`, which is in `source_format`. No pixel is decoded."""
    if source_format.name == _HEIF:
        return _open_heif(file)
    # Always with `formats`: Pillow would start Ghostscript for PostScript.
    return Image.open(file, formats=[source_format.name])


def memory_needed(header: Header, source_format: Format, size: Size) -> int:
    """Return the most memory that `load_still` needs for a picture of `size`."""
    cost = _COSTS.get(source_format.name)
    each = cost(header) if cost else source_format.decode_bytes_per_pixel
    return int(size.pixels * each)


def load_still(image: Image.Image, file: BinaryIO) -> Image.Image:
    """Return the first frame of a picture that was opened in `file`, decoded."""
    load = _LOADERS.get(image.format or "")
    if load is None:
        image.load()
        return image
    loaded = load(image, file)
    if loaded.size != image.size:
        raise ValueError(f"A picture of {image.size} has {loaded.size} pixels.")
    loaded.info, loaded.format = image.info, image.format
    return loaded


def free_frames(image: Any) -> None:
    """Free the decoder and the pixels of an animation that was loaded. Its info stays."""
    if image.format in ("WEBP", "AVIF"):
        image._decoder = None  # noqa: SLF001
        image.close()  # its own copy of a frame, not the file


# Bytes for a pixel, measured with Pillow 13, webp 0.4 and pillow-heif 1.8 in pictures of 50
# megapixels. What is added to the planes is the RGB that is made of them, twice in an AVIF, and the
# tables of the decoder.


def _webp_cost(header: Header) -> float:
    if header.moving or not _has_webp():
        return 13.2
    if header.lossless:
        return 9.3
    return 7.5 if header.alpha else 4.6


def _avif_cost(header: Header) -> float:
    planes = header.planes or Planes(16, 2, alpha=True)
    return 0.45 + 1.15 * planes.bytes_per_pixel + 2 * _channels(planes)


def _heif_cost(header: Header) -> float:
    planes = header.planes or Planes(16, 2, alpha=True)
    # The largest of these: planes that are converted, and RGB or RGBA that is copied afterwards.
    copied = {1: 2.3, 3: 7.6, 4: 9.4}[_channels(planes)]
    return max(0.9 + 3 * planes.bytes_per_pixel, copied)


def _channels(planes: Planes) -> int:
    if planes.alpha:
        return 4
    return 3 if planes.chroma else 1


_COSTS: dict[str, Callable[[Header], float]] = {
    "WEBP": _webp_cost,
    "AVIF": _avif_cost,
    _HEIF: _heif_cost,
}


def _load_webp(image: Any, file: BinaryIO) -> Image.Image:
    file.seek(0)
    if not is_webp_animation(file.read(21)) and _has_webp():
        image._decoder = None  # noqa: SLF001
        return _from_pixels(image.mode, image.size, _decode_webp(file, Size(*image.size)), 4)
    # Pillow's decoder is that for animations, which has two canvases of four bytes a pixel.
    data = image._get_next()[0]  # noqa: SLF001
    image._decoder = None  # noqa: SLF001
    return _from_pixels(image.mode, image.size, data, 4)


def _has_webp() -> bool:
    """Whether the package `webp` is installed, which has the decoder for still pictures."""
    if find_spec("webp") is None:
        return False
    try:
        return bool(metadata.version("webp"))
    except metadata.PackageNotFoundError:  # a module of the project has this name
        return False


def _decode_webp(file: BinaryIO, size: Size) -> bytearray:
    """Return RGBA of the still picture in `file`."""
    from webp._webp import ffi, lib

    file.seek(0)
    data, pixels = file.read(), bytearray(4 * size.pixels)
    config = ffi.new("WebPDecoderConfig *")
    lib.WebPInitDecoderConfig(config)
    output = config.output
    output.colorspace, output.is_external_memory = lib.MODE_RGBA, 1
    output.u.RGBA.rgba = ffi.from_buffer("uint8_t[]", pixels, require_writable=True)
    output.u.RGBA.stride, output.u.RGBA.size = 4 * size.width, len(pixels)
    status = lib.WebPDecode(ffi.from_buffer("uint8_t[]", data), len(data), config)
    if status == lib.VP8_STATUS_OUT_OF_MEMORY:
        raise MemoryError
    if status != lib.VP8_STATUS_OK:
        is_cut = status in (lib.VP8_STATUS_NOT_ENOUGH_DATA, lib.VP8_STATUS_SUSPENDED)
        raise OSError("The file is truncated." if is_cut else f"libwebp reports {status}.")
    return pixels


def _load_avif(image: Any, file: BinaryIO) -> Image.Image:
    data = image._decoder.get_frame(0)[0]  # noqa: SLF001
    image._decoder = None  # noqa: SLF001
    return _from_pixels(image.mode, image.size, data, len(image.mode))


def _load_heif(image: Any, file: BinaryIO) -> Image.Image:
    pictures, image._heif_file = image._heif_file, None  # noqa: SLF001
    picture = pictures[pictures.primary_index]
    try:
        data = picture.data
    except RuntimeError as error:
        if "allocation" in str(error) and "limit" not in str(error):
            raise MemoryError(str(error)) from error
        raise
    mode = picture.mode
    loaded = _from_pixels(mode, picture.size, data, len(mode), picture.stride)
    return loaded.convert("RGBA") if mode == "RGBa" else loaded


_LOADERS: dict[str, Callable[[Any, BinaryIO], Image.Image]] = {
    "WEBP": _load_webp,
    "AVIF": _load_avif,
    _HEIF: _load_heif,
}
_IN_PILLOW = {"L": 1, "RGB": 4, "RGBA": 4}  # bytes of a pixel


def _from_pixels(
    mode: str, size: tuple[int, int], data: _Pixels, pixel_bytes: int, stride: int = 0
) -> Image.Image:
    """Return a picture of decoded pixels, without a copy if they are as Pillow stores them.

    Args:
        pixel_bytes: Bytes of a pixel in `data`.
        stride: Bytes from one row to the next; 0: nothing is between the rows.
    """
    stride = stride or size[0] * pixel_bytes
    if pixel_bytes != _IN_PILLOW.get(mode):
        return Image.frombytes(mode, size, data, "raw", mode, stride)
    # As Image.frombuffer, which takes no RGB.
    map_buffer = Image.core.map_buffer  # type: ignore[attr-defined]
    mapped = map_buffer(data, size, "raw", 0, (mode, stride, 1))
    image = Image.new(mode, (0, 0))._new(mapped)  # noqa: SLF001
    image.readonly = 1
    return image


# pillow-heif reads this when a file is opened. One thread: each worker process has a picture of its
# own at the same time, and each thread reserves memory.
_THREADS_LOCK = threading.Lock()


def _open_heif(file: BinaryIO) -> Image.Image:
    from pillow_heif import HeifImageFile, options

    with _THREADS_LOCK, _set(options, "DECODE_THREADS", 1):
        # Not Image.open: that needs an opener that would be registered for all of the project.
        return HeifImageFile(file)  # type: ignore[no-untyped-call]


@contextmanager
def _set(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
