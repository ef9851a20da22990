"""The common base class of old sizers and filters."""

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
# Options that the settings decide. Old code adds all others itself.
_OPTIONS = ("quality", "progressive", "lossless")
Processed = tuple[Image.Image, SaveOptions]


class ProcessedImage:
    """A picture on a storage, and the steps to make a rendition from it.

    A subclass may define `preprocess`, methods `preprocess_<FORMAT>`, and `process_image`. The
    executor does not call `retrieve_image` and `save_image`: it reads and writes files itself.

    Args:
        path_to_image: Path on `storage`; empty if there is no picture.
        create_on_demand: Whether an access to a URL makes the rendition.
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
        raise NotImplementedError(f"{type(self).__name__} must define process_image().")

    def preprocess(self, image: Image.Image, image_format: str) -> Processed:
        """Return the picture to process, and the options for `Image.save`.

        A method `preprocess_<FORMAT>(image=...)` may change the picture and add options.

        Args:
            image_format: The format name of Pillow: `JPEG`.
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

    def preprocess_with_settings(
        self, image: Image.Image, row: Format, encoding: Encoding
    ) -> Processed:
        """Like `preprocess`, but `encoding` replaces the options that a subclass did not set."""
        image, options = self.preprocess(image, row.name)
        if self._overrides(f"preprocess_{row.name}"):
            # The subclass decides all options of this format.
            return image, options
        given = row.save_options(encoding)
        from_settings = {name: given[name] for name in _OPTIONS if name in given}
        if self._overrides("preprocess"):
            return image, {**from_settings, **options}
        return image, {**options, **from_settings}

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
        """Convert the picture to RGB, the only mode that old sizers expect."""
        options: SaveOptions = {
            "quality": conf.rendition_settings().jpeg_quality,
            "progressive": conf.rendition_settings().progressive_jpeg,
        }
        if image.mode != "RGB":
            # The profile describes the colours before the conversion.
            options["icc_profile"] = None
            image = image.convert("RGB")
        return image, options

    def preprocess_WEBP(self, image: Image.Image, **kwargs: Any) -> Processed:  # noqa: N802
        return image, {
            "quality": conf.rendition_settings().webp_quality,
            "lossless": conf.rendition_settings().webp_lossless,
        }

    def retrieve_image(self, path_to_image: str) -> tuple[Image.Image, str, str, str]:
        """Return the upright picture, its extension, its format, and its MIME type.

        Raises:
            SourceUnreadable, SourceRefused: the file is not a picture, or it is above a limit.
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
        """Write `imagefile` to exactly `save_path`, by an atomic write."""
        imagefile.seek(0)
        publish(self.storage, save_path, imagefile.read())
