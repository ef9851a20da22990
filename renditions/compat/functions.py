"""The functions of the old package, with its names and arguments."""

from typing import BinaryIO

from django.http import HttpRequest

from renditions import conf
from renditions.files import VersatileImageMixIn
from renditions.imaging.formats import FORMATS, format_named
from renditions.imaging.sources import probe
from renditions.planning.keys import KeySize, RenditionKey
from renditions.planning.paths import filtered_filename, filtered_path, sized_filename, sized_path
from renditions.planning.plans import validated

# The old package knew more types than RENDITIONS["FORMATS"] can name.
MIME_TYPE_TO_PIL_IDENTIFIER = {
    "application/pdf": "PDF",
    "image/dcx": "DCX",
    "image/eps": "eps",
    "image/pcd": "PCD",
    "image/pcx": "PCX",
    "image/psd": "PSD",
    "image/x-ms-bmp": "BMP",
    "image/x-ppm": "PPM",
    "image/x-xbitmap": "XBM",
    "image/x-xpm": "XPM",
    **{each.mime: each.name for each in FORMATS},
}


def get_resized_filename(filename: str, width: int, height: int, filename_key: str) -> str:
    """Return the file name of a sized rendition of `filename`.

    Args:
        filename_key: Names the sizer and the focal point: `crop-c0-5__0-5`, `thumbnail`.
    """
    return sized_filename(filename, KeySize(int(width), int(height)), filename_key, conf.layout())


def get_resized_path(
    path_to_image: str, width: int, height: int, filename_key: str, storage: object = None
) -> str:
    """Return the path of a sized rendition of the picture at `path_to_image`."""
    return sized_path(path_to_image, KeySize(int(width), int(height)), filename_key, conf.layout())


def get_filtered_filename(filename: str, filename_key: str) -> str:
    """Return the file name of `filename` after the filter `filename_key`."""
    return filtered_filename(filename, filename_key)


def get_filtered_path(path_to_image: str, filename_key: str, storage: object = None) -> str:
    """Return the path of the picture at `path_to_image` after the filter `filename_key`."""
    return filtered_path(path_to_image, filename_key, conf.layout())


def post_process_image_key(image_key: str) -> str:
    """Return the result of the FILENAME_PROCESSOR for `image_key`."""
    return conf.layout().process_key(image_key)


def get_rendition_key_set(key: str) -> list[tuple[str, str]]:
    """Return the (name, rendition key) pairs of the key set called `key`.

    Raises:
        ImproperlyConfigured: no key set has this name.
        InvalidSizeKeySet, InvalidSizeKey: the key set is wrong.
    """
    return [(name, str(rendition_key)) for name, rendition_key in conf.key_set(key)]


def validate_versatileimagefield_sizekey_list(sizes: object) -> list[tuple[str, str]]:
    """Return the (name, rendition key) pairs of `sizes` in their order.

    Raises:
        InvalidSizeKeySet, InvalidSizeKey: the message shows what is wrong and what is valid.
    """
    return [(name, str(key)) for name, key in validated(sizes)]


def get_url_from_image_key(image_instance: VersatileImageMixIn, image_key: str) -> str:
    return image_instance.url_of(RenditionKey.parse(image_key))


def build_versatileimagefield_url_set(
    image_instance: VersatileImageMixIn,
    size_set: object,
    request: HttpRequest | None = None,
) -> dict[str, str]:
    """Return the URLs of a key set by name, in its order; `{}` if there is no picture.

    Args:
        request: If given, the URLs are absolute.
    """
    urls = image_instance.urls(validated(size_set))
    if request is None:
        return urls
    return {name: request.build_absolute_uri(url) for name, url in urls.items()}


def get_image_metadata_from_file(file_like: BinaryIO) -> tuple[str, str]:
    """Return the format (`JPEG`) and the MIME type of a picture, from its content.

    Raises:
        SourceUnreadable, SourceRefused: the file is not a picture, or it is above a limit.
    """
    found = format_named(probe(file_like, conf.limits()).format)
    file_like.seek(0)
    return found.name, found.mime
