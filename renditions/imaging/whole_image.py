"""Old sizers and filters, which take a whole picture and give back a file.

They know nothing of a shared decode. Each gets a fresh, upright picture at full size, with
`format` set and with nothing in `info` that an encoder would carry over, a profile apart.
"""

from io import BytesIO
from typing import Any, ClassVar

from PIL import Image

SaveOptions = dict[str, Any]


class _WholeImage:
    def preprocess(self, image: Image.Image, image_format: str) -> tuple[Image.Image, SaveOptions]:
        """Return the picture to process and the options to save it with.

        A method `preprocess_JPEG(image=...)`, or of any other format, may change both.
        """
        options: SaveOptions = {"format": image_format}
        options["icc_profile"] = image.info.get("icc_profile")
        hook = getattr(self, f"preprocess_{image_format}", None)
        if hook:
            image, more = hook(image=image)
            options.update(more)
        return image, options


class WholeImageSizer(_WholeImage):
    """Base of the old contract for sizers; `ppoi` is set on a copy made for each rendition."""

    filename_key: ClassVar[str]
    ppoi: tuple[float, float] = (0.5, 0.5)

    def process_image(
        self,
        image: Image.Image,
        image_format: str,
        save_kwargs: SaveOptions,
        width: int,
        height: int,
    ) -> BytesIO:
        raise NotImplementedError(f"{type(self).__name__} has no process_image.")


class WholeImageFilter(_WholeImage):
    """Base of the old contract for filters."""

    def process_image(
        self, image: Image.Image, image_format: str, save_kwargs: SaveOptions
    ) -> BytesIO:
        raise NotImplementedError(f"{type(self).__name__} has no process_image.")
