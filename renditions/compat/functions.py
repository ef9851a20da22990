"""Functions under the names and with the arguments that old code calls."""

from typing import BinaryIO

from django.http import HttpRequest

from renditions import conf
from renditions.files import VersatileImageMixIn
from renditions.imaging.formats import FORMATS, format_named
from renditions.imaging.geometry import Size
from renditions.imaging.sources import probe
from renditions.planning.keys import RenditionKey
from renditions.planning.paths import filtered_filename, filtered_path, sized_filename, sized_path
from renditions.planning.plans import validated

MIME_TYPE_TO_PIL_IDENTIFIER = {row.mime: row.name for row in FORMATS}


def get_resized_filename(filename: str, width: int, height: int, filename_key: str) -> str:
    """Return the name of a sized rendition of `filename`.

    Args:
        filename_key: What the name says of the sizer: `crop-c0-5__0-5`, `thumbnail`.
    """
    return sized_filename(filename, Size(int(width), int(height)), filename_key, conf.layout())


def get_resized_path(
    path_to_image: str, width: int, height: int, filename_key: str, storage: object = None
) -> str:
    """Return where a sized rendition of the picture at `path_to_image` lies."""
    return sized_path(path_to_image, Size(int(width), int(height)), filename_key, conf.layout())


def get_filtered_filename(filename: str, filename_key: str) -> str:
    """Return the name of `filename` filtered by the filter called `filename_key`."""
    return filtered_filename(filename, filename_key)


def get_filtered_path(path_to_image: str, filename_key: str, storage: object = None) -> str:
    """Return where the picture at `path_to_image` lies when it is filtered."""
    return filtered_path(path_to_image, filename_key, conf.layout())


def post_process_image_key(image_key: str) -> str:
    """Return what the settings' processor makes of what describes a rendition."""
    return conf.layout().process_key(image_key)


def get_rendition_key_set(key: str) -> list[tuple[str, str]]:
    """Return the (name, rendition key) pairs of the key set called `key`.

    Raises:
        ImproperlyConfigured: there is none.
        InvalidSizeKeySet, InvalidSizeKey: there is one, and it is wrong.
    """
    return [(name, str(rendition_key)) for name, rendition_key in conf.key_set(key)]


def validate_versatileimagefield_sizekey_list(sizes: object) -> list[tuple[str, str]]:
    """Return the (name, rendition key) pairs of `sizes` in their order.

    Raises:
        InvalidSizeKeySet, InvalidSizeKey: with what is wrong and what would be right.
    """
    return [(name, str(key)) for name, key in validated(sizes)]


def get_url_from_image_key(image_instance: VersatileImageMixIn, image_key: str) -> str:
    """Return the URL of one rendition of `image_instance`."""
    return image_instance.url_of(RenditionKey.parse(image_key))


def build_versatileimagefield_url_set(
    image_instance: VersatileImageMixIn,
    size_set: object,
    request: HttpRequest | None = None,
) -> dict[str, str]:
    """Return the URLs of a key set by name, in its order; none where there is nothing to show.

    Args:
        request: Makes the URLs absolute.
    """
    urls = image_instance.urls(validated(size_set))
    if request is None:
        return urls
    return {name: request.build_absolute_uri(url) for name, url in urls.items()}


def get_image_metadata_from_file(file_like: BinaryIO) -> tuple[str, str]:
    """Return the format, as Pillow calls it, and the mime of a picture, judged by its content.

    Raises:
        SourceUnreadable, SourceRefused: it is none, or above a limit.
    """
    row = format_named(probe(file_like, conf.limits()).format)
    file_like.seek(0)
    return row.name, row.mime
