"""The common base class of old sizers and filters."""

from io import BytesIO
from typing import Any, BinaryIO, ClassVar, cast

from django.core.files.storage import Storage
from django.core.files.uploadedfile import InMemoryUploadedFile
from PIL import Image, ImageFile, ImageOps

from renditions import conf
from renditions.compat.functions import get_image_metadata_from_file
from renditions.compat.live import reader
from renditions.compat.stand_ins import WorkingStorage
from renditions.errors import UnknownFormat
from renditions.imaging.formats import Encoding, Format, format_named
from renditions.imaging.modes import detach_from_file
from renditions.imaging.orientation import ORIENTATION_TAG as EXIF_ORIENTATION_KEY
from renditions.imaging.orientation import make_upright
from renditions.imaging.sources import decode, open_source
from renditions.storage import publish

__all__ = [
    "EXIF_ORIENTATION_KEY",
    "JPEG_QUAL",
    "VERSATILEIMAGEFIELD_LOSSLESS_WEBP",
    "VERSATILEIMAGEFIELD_PROGRESSIVE_JPEG",
    "WEBP_QUAL",
    "Image",
    "InMemoryUploadedFile",
    "ProcessedImage",
    "get_image_metadata_from_file",
]

__getattr__ = reader(
    __name__,
    (
        "JPEG_QUAL",
        "VERSATILEIMAGEFIELD_LOSSLESS_WEBP",
        "VERSATILEIMAGEFIELD_PROGRESSIVE_JPEG",
        "WEBP_QUAL",
    ),
)

SaveOptions = dict[str, Any]
# Options that the settings decide. Old code adds all others itself.
_OPTIONS = ("quality", "progressive", "lossless")
Processed = tuple[Image.Image, SaveOptions]


class ProcessedImage:
    """A picture on a storage, and the steps to make a rendition from it.

    Most subclasses define only `preprocess`, methods `preprocess_<FORMAT>` and `process_image`: the
    executor reads the picture and saves the result. A subclass that overrides one of its
    `STEPS_AROUND` does all of them itself.

    Args:
        path_to_image: Path on `storage`; empty if there is no picture.
        create_on_demand: Whether an access to a URL makes the rendition.
    """

    # The methods that name, read and save files.
    STEPS_AROUND: ClassVar[tuple[str, ...]] = ("retrieve_image", "save_image")

    name: str | None = None
    url: str | None = None

    # What the executor gives to a subclass that does its own work. They are attributes of the class
    # because a pickle of the old package has neither.
    _image: Image.Image | None = None
    _encoding: Encoding | None = None

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
        if isinstance(image, ImageFile.ImageFile):
            # Opened by the subclass itself. What the executor gives is upright already.
            image = ImageOps.exif_transpose(image)
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
        self, image: Image.Image, output_format: Format, encoding: Encoding
    ) -> Processed:
        """Like `preprocess`, but `encoding` replaces the options that a subclass did not set."""
        image, options = self.preprocess(image, output_format.name)
        if self._overrides(f"preprocess_{output_format.name}"):
            # The subclass decides all options of this format.
            return image, options
        given = output_format.save_options(encoding)
        from_settings = {name: given[name] for name in _OPTIONS if name in given}
        if self._overrides("preprocess"):
            return image, {**from_settings, **options}
        return image, {**options, **from_settings}

    def take(self, image: Image.Image, encoding: Encoding) -> None:
        """Return `image` from `retrieve_image`, and save as `encoding` says."""
        self._image, self._encoding = image, encoding

    def prepared(self, image: Image.Image, image_format: str) -> Processed:
        """Return what `preprocess` does, with the options of the settings if they name any."""
        try:
            output_format = format_named(image_format)
        except UnknownFormat:
            return self.preprocess(image, image_format)
        return self.preprocess_with_settings(
            image, output_format, self._encoding or conf.encoding()
        )

    @classmethod
    def _overrides(cls, method: str, base: "type[ProcessedImage] | None" = None) -> bool:
        """Whether a subclass of `base` has its own `method`."""
        found: Any = getattr(cls, method, None)
        return found is not None and found is not getattr(base or ProcessedImage, method, None)

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
        image, self._image = self._image, None
        if image is None or path_to_image != self.path_to_image:
            image = self._read(path_to_image)
        source_format = format_named(image.format or "PNG")
        return image, path_to_image.rsplit(".", 1)[-1], source_format.name, source_format.mime

    def _read(self, path: str) -> Image.Image:
        with self.storage.open(path, "rb") as file:
            source = open_source(cast("BinaryIO", file), conf.limits())
            picture = decode(source, conf.limits()).image
        image = make_upright(detach_from_file(picture), source.info.orientation)
        image.format = source.info.format
        return image

    def save_image(self, imagefile: BytesIO, save_path: str, file_ext: str, mime_type: str) -> None:
        """Put `imagefile` at exactly `save_path`: the complete file or none."""
        imagefile.seek(0)
        if isinstance(self.storage, WorkingStorage):
            self.storage.save(save_path, imagefile)
        else:
            data = imagefile.read()
            publish(self.storage, save_path, data, conf.headers_for(data))
