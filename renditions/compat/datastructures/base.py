"""What old sizers and filters have in common."""

from io import BytesIO
from typing import Any, BinaryIO, cast

from django.core.files.storage import Storage
from PIL import Image

from renditions import conf
from renditions.imaging.formats import Encoding, Format, format_named
from renditions.imaging.orientation import make_upright
from renditions.imaging.sources import open_source, reading_pixels
from renditions.storage import publish

SaveOptions = dict[str, Any]
# What old code leaves to the settings. It may add any other option to those that it is given.
_OPTIONS = ("quality", "progressive", "lossless")
Processed = tuple[Image.Image, SaveOptions]


class ProcessedImage:
    """A picture on a storage, and the steps from its file to another one.

    The executor takes the first and the last step itself; `preprocess`, any method
    `preprocess_<FORMAT>` and `process_image` are what a subclass says.

    Args:
        path_to_image: On `storage`; empty where there is no picture.
        create_on_demand: Whether asking for a rendition makes it.
    """

    def __init__(
        self,
        path_to_image: str | None,
        storage: Storage,
        create_on_demand: bool,
        placeholder_image: object = None,
    ) -> None:
        self.path_to_image = path_to_image
        self.storage = storage
        self.create_on_demand = create_on_demand
        self.placeholder_image = placeholder_image

    def process_image(self, *args: Any, **kwargs: Any) -> BytesIO:
        """Return the file that is made of a picture: what every subclass says for itself."""
        raise NotImplementedError(f"{type(self).__name__} has no process_image.")

    def preprocess(self, image: Image.Image, image_format: str) -> Processed:
        """Return the picture to process, and the options to save the result with.

        A method `preprocess_<FORMAT>(image=...)` may change the picture and add options.

        Args:
            image_format: As Pillow calls it: `JPEG`.
        """
        options: SaveOptions = {
            "format": image_format,
            "icc_profile": image.info.get("icc_profile"),
        }
        hook = getattr(self, f"preprocess_{image_format}", None)
        if hook:
            image, more = hook(image=image)
            options.update(more)
        return image, options

    def preprocess_as_set(self, image: Image.Image, row: Format, encoding: Encoding) -> Processed:
        """Return what `preprocess` does, with the options that the settings give to `encoding`."""
        image, options = self.preprocess(image, row.name)
        if self._overrides(f"preprocess_{row.name}"):
            # Its word on this format is the last one.
            return image, options
        given = row.save_options(encoding)
        chosen = {name: given[name] for name in _OPTIONS if name in given}
        own_word = self._overrides("preprocess")
        return image, {**chosen, **options} if own_word else {**options, **chosen}

    @classmethod
    def _overrides(cls, method: str) -> bool:
        """Whether a subclass has its own `method`."""
        found: Any = getattr(cls, method, None)
        return found is not None and found is not getattr(ProcessedImage, method, None)

    def preprocess_GIF(self, image: Image.Image, **kwargs: Any) -> Processed:  # noqa: N802
        """Keep the index of the transparent colour."""
        index = image.info.get("transparency")
        return image, {} if index is None else {"transparency": index}

    def preprocess_JPEG(self, image: Image.Image, **kwargs: Any) -> Processed:  # noqa: N802
        """Leave modes that sizers don't know, and keep to the quality of the settings."""
        options: SaveOptions = {
            "quality": conf.rendition_settings().jpeg_quality,
            "progressive": conf.rendition_settings().progressive_jpeg,
        }
        if image.mode != "RGB":
            # A profile describes the numbers that it came with.
            options["icc_profile"] = None
            image = image.convert("RGB")
        return image, options

    def preprocess_WEBP(self, image: Image.Image, **kwargs: Any) -> Processed:  # noqa: N802
        """Keep to the quality of the settings."""
        return image, {
            "quality": conf.rendition_settings().webp_quality,
            "lossless": conf.rendition_settings().webp_lossless,
        }

    def retrieve_image(self, path_to_image: str) -> tuple[Image.Image, str, str, str]:
        """Return the upright picture, the extension of its name, its format, and its mime.

        Raises:
            SourceUnreadable, SourceRefused: it is no picture, or above a limit.
        """
        with self.storage.open(path_to_image, "rb") as file:
            source = open_source(cast("BinaryIO", file), conf.limits())
            with reading_pixels():
                source.image.load()
        row = format_named(source.info.format)
        image = make_upright(source.image, source.info.orientation)
        image.format = row.name
        return image, path_to_image.rsplit(".", 1)[-1], row.name, row.mime

    def save_image(self, imagefile: BytesIO, save_path: str, file_ext: str, mime_type: str) -> None:
        """Put `imagefile` at exactly `save_path`, whole or not at all."""
        imagefile.seek(0)
        publish(self.storage, save_path, imagefile.read())
