"""Uploads: whether a file is accepted, and under which name it is stored."""

import secrets
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.db.models.fields.files import FieldFile
from django.template.defaultfilters import filesizeformat
from django.utils.text import slugify
from django.utils.translation import gettext as _

from renditions import conf
from renditions.errors import RenditionError
from renditions.forms import refusal_text
from renditions.imaging.formats import FORMATS
from renditions.imaging.sources import probe

TOO_LARGE = "too_large"

EXTENSIONS = frozenset(extension for row in FORMATS for extension in row.extensions)


def check_picture(file: File) -> None:
    """Accept a picture that renditions can be made from.

    Only the header is read. An upload that is cut off later in the file is accepted; its renditions
    fail, and its page shows the reason.

    Raises:
        ValidationError: the file is too large, in no accepted format, or above a limit.
    """
    if isinstance(file, FieldFile) and file._committed:  # noqa: SLF001 no public name says this
        return  # The file is stored already, and was checked when it was uploaded.
    if file.size > settings.MAX_UPLOAD_BYTES:
        raise ValidationError(too_large_text(), code=TOO_LARGE)
    file.seek(0)
    try:
        probe(file, conf.limits())
    except RenditionError as error:
        raise ValidationError(refusal_text(error), code=error.kind) from error
    finally:
        file.seek(0)


def too_large_text() -> str:
    return _("The file is larger than %(limit)s.") % {
        "limit": filesizeformat(settings.MAX_UPLOAD_BYTES)
    }


def stored_name(instance: Any, filename: str) -> str:
    """Return a unique path for an upload, safe for every `filename` that a client can send.

    The web server derives the content type from the extension, so only extensions of pictures are
    kept; all others become `jpg`.
    """
    sent = PurePosixPath(filename.replace("\\", "/"))
    extension = sent.suffix.lower().lstrip(".")
    stem = slugify(sent.stem)[:60] or "photo"
    known = extension if extension in EXTENSIONS else "jpg"
    return f"photos/{stem}-{secrets.token_hex(4)}.{known}"
