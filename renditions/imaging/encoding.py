"""How a picture becomes a file: only its pixels, in a mode that the format can hold."""

import struct
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

from PIL import Image

from renditions.errors import OutOfMemory, RenderFailed

from .formats import Encoding, Format
from .geometry import Size
from .modes import GREYSCALE_MODES, WITH_ALPHA


def encode(
    image: Image.Image, output_format: Format, encoding: Encoding, *, profile: bytes | None = None
) -> bytes:
    """Return a file in `output_format` with the picture and no metadata.

    Args:
        image: As `fit` returns it.
        profile: The ICC profile to embed.
    """
    return _save(image, output_format, _options(image, output_format, encoding, profile))


def encode_frames(
    frames: Callable[[], Iterator[Image.Image]],
    output_format: Format,
    encoding: Encoding,
    timing: Mapping[str, Any],
    *,
    transparent: bool,
    profile: bytes | None = None,
) -> bytes:
    """Return a file in `output_format` with the animation and no metadata.

    Args:
        frames: Yields all frames, each as `fit` returns it, all in one mode.
        timing: Options of Pillow's encoder, among them one duration for each frame.
        transparent: Whether a frame has transparent pixels.
        profile: The ICC profile to embed.
    """
    lazy = LazyFrames(frames, len(timing["duration"]))
    options = {**_options(lazy, output_format, encoding, profile), **timing, "save_all": True}
    return output_format.correct(_save(lazy, output_format, options), transparent)


def _options(
    fitted: Image.Image, output_format: Format, encoding: Encoding, profile: bytes | None
) -> dict[str, Any]:
    options = dict(output_format.save_options(encoding))
    if "transparency" in fitted.info:
        options["transparency"] = fitted.info["transparency"]
    if profile:
        options["icc_profile"] = profile
    return options


def _save(image: Image.Image, output_format: Format, options: Mapping[str, Any]) -> bytes:
    buffer = BytesIO()
    try:
        image.save(buffer, output_format.name, **options)
    except MemoryError as error:
        raise OutOfMemory("While the rendition was written.") from error
    except (OSError, ValueError, KeyError, RuntimeError, SystemError, struct.error) as error:
        raise RenderFailed(
            f"Pillow cannot write {output_format.name} of {Size(*image.size)}: {error}"
        ) from error
    return buffer.getvalue()


def fit(image: Image.Image, output_format: Format, background: tuple[int, int, int]) -> Image.Image:
    """Return `image` in a mode that `output_format` can hold.

    Its info is removed, except a transparent colour.
    """
    image.info = {}  # an encoder writes what it finds there
    if image.mode in output_format.modes:
        return image
    transparent = image.mode in WITH_ALPHA
    if transparent and not output_format.alpha:
        return flatten(image, background)
    if output_format.modes[0] == "P":
        return to_palette(image)
    if image.mode in GREYSCALE_MODES and not transparent and "L" in output_format.modes:
        return image.convert("L")
    return image.convert("RGBA" if transparent else output_format.modes[0])


def flatten(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Return `image` without alpha, over the colour `background`."""
    image = image.convert("RGBA")
    result = Image.new("RGB", image.size, background)
    result.paste(image, mask=image.getchannel("A"))
    return result


def to_palette(image: Image.Image) -> Image.Image:
    """Return `image` in 256 colours. A pixel with an alpha below 128 becomes invisible."""
    if image.mode not in WITH_ALPHA:
        return image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT)
    image = image.convert("RGBA")
    invisible = image.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
    result = image.convert("RGB").quantize(255, Image.Quantize.MEDIANCUT)
    result.paste(255, mask=invisible)
    result.info = {"transparency": 255}
    return result


class LazyFrames(Image.Image):
    """An animation for Pillow's encoders. A frame is rendered when its pixels are needed.

    So one frame at a time is in memory. Encoders read the frames from the first to the last; some
    look at the mode of each frame before, which renders nothing.
    """

    def __init__(self, frames: Callable[[], Iterator[Image.Image]], count: int) -> None:
        """Show the first frame.

        Args:
            frames: Yields all frames, each time that it is called; all have one mode and size.
            count: Number of frames.
        """
        super().__init__()
        self.n_frames, self.is_animated = count, count > 1
        self._frames = frames
        self._wanted = 0
        self._rewind()

    def seek(self, frame: int) -> None:
        if not 0 <= frame < self.n_frames:
            raise EOFError(f"There is no frame {frame}.")
        self._wanted = frame

    def tell(self) -> int:
        return self._wanted

    def load(self) -> Any:
        if self._wanted < self._shown:
            self._rewind()
        while self._shown < self._wanted:
            self._show_next()
        return super().load()

    def _rewind(self) -> None:
        self._remaining, self._shown = self._frames(), -1
        self._show_next()

    def _show_next(self) -> None:
        self._im = None  # free this frame before the next one is rendered
        frame = next(self._remaining)
        self._shown += 1
        self._mode, self._size = frame.mode, frame.size
        self.im, self.palette, self.info = frame.im, frame.palette, frame.info
