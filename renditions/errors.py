"""Every error says whether repeating can help.

`PermanentError` and `TransientError` are the whole retry policy's vocabulary: whoever schedules
work looks at the base class and never at the message. `kind` is a stable slug for records,
admin filters and metrics.
"""

from typing import ClassVar, Self


class RenditionError(Exception):
    """A rendition could not be made; the message is the reason that people read."""

    kind: ClassVar[str] = "error"


class PermanentError(RenditionError):
    """The same input will fail again: somebody must change the picture, the key or the code."""


class TransientError(RenditionError):
    """The world may have changed by the next attempt."""


class SourceUnreadable(PermanentError):
    """The original is not a whole picture in an accepted format."""

    kind = "unreadable"


class SourceRefused(PermanentError):
    """The original is a picture, but breaks a limit; the message holds the limit and the value."""

    kind = "refused"


class RenderFailed(PermanentError):
    """The original could be read, but this rendition could not be made from it."""

    kind = "render"


class LimitExceeded(SourceRefused):
    """A number in the header is above a limit; `limit` and `value` are in the message too."""

    what: ClassVar[str] = "{value}, the limit is {limit}"

    def __init__(self, value: int, limit: int) -> None:
        super().__init__(self.what.format(value=f"{value:,}", limit=f"{limit:,}"))
        self.value = value
        self.limit = limit

    def __reduce__(self) -> tuple[type[Self], tuple[int, int]]:
        return type(self), (self.value, self.limit)


class FormatRefused(SourceRefused):
    """The content is in no accepted format, whatever the file is called."""

    kind = "format"


class FileTooLarge(LimitExceeded):
    kind = "file_size"
    what = "The file has {value} bytes, the limit is {limit}"


class TooManyPixels(LimitExceeded):
    kind = "pixels"
    what = "The picture has {value} pixels, the limit is {limit}"


class SideTooLong(LimitExceeded):
    kind = "side"
    what = "The longer side has {value} pixels, the limit is {limit}"


class TooManyScans(LimitExceeded):
    """Each scan of a progressive JPEG is a pass over all of its pixels."""

    kind = "scans"
    what = "The JPEG has {value} scans or more, the limit is {limit}"


class TooManyFramePixels(LimitExceeded):
    kind = "frames"
    what = "The frames have {value} pixels together or more, the limit is {limit}"


class MetadataTooLarge(LimitExceeded):
    kind = "metadata"
    what = "The metadata has {value} bytes or more, the limit is {limit}"


class DecodeTooLarge(LimitExceeded):
    """Within the pixel limit, but this format's decoder needs several copies of the picture."""

    kind = "decode_memory"
    what = "Decoding needs about {value} bytes of memory, the limit is {limit}"


class RenditionTooLarge(RenderFailed):
    """The rendition itself, not its original, would be above a limit."""

    kind = "rendition_size"


class EmptySize(RenderFailed):
    """A side is 0 px long."""

    kind = "empty_size"


class UnknownFormat(RenderFailed):
    """No row in the table of formats has this name, or it can't be written here."""

    kind = "unknown_format"


class SourceMissing(TransientError):
    """The original is not on its storage; some storages show a new file late."""

    kind = "missing"


class OutOfMemory(TransientError):
    """The process ran out of its memory budget; a fresh process may succeed."""

    kind = "memory"


class StorageFailed(TransientError):
    """The storage did not take or give a file."""

    kind = "storage"


class StorageRefused(PermanentError):
    """Nobody may write or read there; somebody must change that."""

    kind = "denied"


class StoreUnavailable(TransientError):
    """The record store did not answer."""

    kind = "store"
