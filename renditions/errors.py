"""Why a rendition could not be made, and whether another attempt can help.

The base class answers the second question: `PermanentError` or `TransientError`. Code that retries
looks at the base class and never at the text.

Each error has a `kind`, a stable slug for records, filters and metrics, and two texts:

    headline    what an editor or an operator can do about it; the same for all errors of a class,
                so failures are grouped by it, and forms and the admin translate it
    detail      what differs from one failure to the next, in English: a number, a path, the words
                of a decoder or of a storage
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar


def gettext_noop(text: str) -> str:
    """Mark `text` for message extractors, which know this name; imaging imports no Django."""
    return text


class RenditionError(Exception):
    """A rendition could not be made. The argument is the detail."""

    kind: ClassVar[str] = "error"
    headline: ClassVar[str] = gettext_noop("The rendition could not be made.")

    @property
    def detail(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"{self.headline} {self.detail}".rstrip()


class PermanentError(RenditionError):
    """The same input fails again, until somebody changes the picture, the key or the code."""


class TransientError(RenditionError):
    """A later attempt may succeed."""


def is_transient(kind: str) -> bool:
    """Whether a failure of this `kind` may end by itself. A kind that no class has is permanent."""
    return any(error.kind == kind for error in _below(TransientError))


def _below(error: type[RenditionError]) -> Iterator[type[RenditionError]]:
    for each in error.__subclasses__():
        yield each
        yield from _below(each)


class SourceUnreadable(PermanentError):
    """The original cannot be decoded; the detail holds the words of the decoder."""

    kind = "unreadable"
    headline = gettext_noop("The picture is damaged. Upload the file again.")


class SourceIncomplete(SourceUnreadable):
    """The original can be decoded in part: its file ends early, or a part of it is missing."""

    headline = gettext_noop("The upload is incomplete. Upload the file again.")


class SourceRefused(PermanentError):
    """The original may be a good picture, but it breaks a limit.

    The detail is for editors, too. Forms translate `detail_format` and fill it with
    `detail_values`.
    """

    kind = "refused"
    headline = gettext_noop("The picture is not accepted.")
    detail_format: str = "{reason}"

    @property
    def detail_values(self) -> Mapping[str, int | str]:
        return {"reason": super().detail}

    @property
    def detail(self) -> str:
        values = self.detail_values.items()
        texts = {key: f"{value:,}" if isinstance(value, int) else value for key, value in values}
        return self.detail_format.format(**texts)


class RenderFailed(PermanentError):
    """The original could be read, but this rendition could not be made from it."""

    kind = "render"
    headline = gettext_noop("This rendition could not be made from the picture.")


class FormatRefused(SourceRefused):
    """The content of the file is in no accepted format; its name does not matter."""

    kind = "format"
    headline = gettext_noop("The file is not a picture in an accepted format.")
    detail_format = gettext_noop("Accepted formats: {accepted}.")

    def __init__(self, found: str | None, accepted: tuple[str, ...], lacks: str = "") -> None:
        """Refuse a file.

        Args:
            found: Name of its format; None: no known format.
            accepted: Names of the formats in the settings.
            lacks: The extra of this package that reads the format, if it is not installed.
        """
        super().__init__(found, accepted, lacks)
        if found:
            self.detail_format = gettext_noop("The file is {found}. Accepted formats: {accepted}.")

    @property
    def detail_values(self) -> Mapping[str, str]:
        found, accepted, _ = self.args
        return {"found": found or "", "accepted": ", ".join(accepted)}

    @property
    def detail(self) -> str:
        """For operators, it also names the extra; a person who uploads can install nothing."""
        lacks = self.args[2]
        told = super().detail
        if not lacks:
            return told
        return f"{told} To accept it: pip install 'django-renditions[{lacks}]'."


class LimitExceeded(SourceRefused):
    """A number in the header is above a limit."""

    detail_format = gettext_noop("{value}; the limit is {limit}.")

    def __init__(self, value: int, limit: int) -> None:
        super().__init__(value, limit)
        self.value = value
        self.limit = limit

    @property
    def detail_values(self) -> Mapping[str, int]:
        return {"value": self.value, "limit": self.limit}


class FileTooLarge(LimitExceeded):
    kind = "file_size"
    headline = gettext_noop("The file is too large.")
    detail_format = gettext_noop("{value} bytes; the limit is {limit}.")


class TooManyPixels(LimitExceeded):
    kind = "pixels"
    headline = gettext_noop("The picture has too many pixels.")
    detail_format = gettext_noop("{value} pixels; the limit is {limit}.")


class SideTooLong(LimitExceeded):
    kind = "side"
    headline = gettext_noop("The picture is too wide or too high.")
    detail_format = gettext_noop("The longer side has {value} pixels; the limit is {limit}.")


class TooManyScans(LimitExceeded):
    """Each scan of a progressive JPEG is a pass over all of its pixels."""

    kind = "scans"
    headline = gettext_noop("The JPEG has too many scans. Save it without the progressive option.")
    detail_format = gettext_noop("At least {value} scans; the limit is {limit}.")


class TooManyFramePixels(LimitExceeded):
    kind = "frames"
    headline = gettext_noop("The animation is too long or too large.")
    detail_format = gettext_noop(
        "At least {value} pixels in all frames together; the limit is {limit}."
    )


class MetadataTooLarge(LimitExceeded):
    kind = "metadata"
    headline = gettext_noop("The picture has too much metadata. Save it without metadata.")
    detail_format = gettext_noop("At least {value} bytes; the limit is {limit}.")


class DecodeTooLarge(LimitExceeded):
    """Within the pixel limit, but the decoder of this format needs several copies of a picture."""

    kind = "decode_memory"
    headline = gettext_noop("The picture needs too much memory. Save it with fewer pixels.")
    detail_format = gettext_noop("About {value} bytes to decode it; the limit is {limit}.")


class RenditionTooLarge(RenderFailed):
    """The rendition itself, not its original, would be above a limit."""

    kind = "rendition_size"
    headline = gettext_noop("The rendition would be too large.")


class EmptySize(RenderFailed):
    kind = "empty_size"
    headline = gettext_noop("Both sides must have at least 1 pixel.")


class UnknownFormat(RenderFailed):
    """No format of the table has this name, or Pillow cannot write it here."""

    kind = "unknown_format"
    headline = gettext_noop("The output format is unknown.")


class SourceMissing(TransientError):
    """The original is not on its storage. Some storages show a new file late."""

    kind = "missing"
    headline = gettext_noop("The original file is missing.")


class OutOfMemory(TransientError):
    """The process reached its memory limit; a fresh process may succeed."""

    kind = "memory"
    headline = gettext_noop("There was not enough memory.")


class StorageFailed(TransientError):
    """The storage did not accept or return a file."""

    kind = "storage"
    headline = gettext_noop("The file storage did not answer as expected.")


class StorageRefused(PermanentError):
    kind = "denied"
    headline = gettext_noop("The file storage denied permission.")


class StoreUnavailable(TransientError):
    kind = "store"
    headline = gettext_noop("The record store did not answer.")
