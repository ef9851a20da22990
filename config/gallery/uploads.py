"""What people send: whether it is a picture that can be taken, and what it is called here."""

import secrets
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.db.models.fields.files import FieldFile
from django.template.defaultfilters import filesizeformat
from django.utils.text import slugify

from renditions import conf
from renditions.errors import RenditionError
from renditions.forms import refusal_text
from renditions.imaging.formats import FORMATS
from renditions.imaging.sources import probe

TOO_LARGE = "too_large"

EXTENSIONS = frozenset(extension for row in FORMATS for extension in row.extensions)


def check_picture(file: File) -> None:
    """Raise ValidationError where `file` is no picture that renditions can be made from.

    Only its header is read: a picture that breaks off further down is taken, and fails with its
    reason where everybody sees it.
    """
    if isinstance(file, FieldFile) and file._committed:  # noqa: SLF001 the only one who knows
        return  # It lies on the storage already, and was looked at when it came.
    if file.size > settings.MAX_UPLOAD_BYTES:
        limit = filesizeformat(settings.MAX_UPLOAD_BYTES)
        raise ValidationError(f"The file is larger than {limit}.", code=TOO_LARGE)
    file.seek(0)
    try:
        probe(file, conf.limits())
    except RenditionError as error:
        raise ValidationError(refusal_text(error), code=error.kind) from error
    finally:
        file.seek(0)


def stored_name(instance: Any, filename: str) -> str:
    """Return where an upload is kept: a name that nobody else has, safe whatever was sent.

    The extension decides what a browser is told, so it is always one of a picture.
    """
    sent = PurePosixPath(filename.replace("\\", "/"))
    extension = sent.suffix.lower().lstrip(".")
    stem = slugify(sent.stem)[:60] or "photo"
    known = extension if extension in EXTENSIONS else "jpg"
    return f"photos/{stem}-{secrets.token_hex(4)}.{known}"
