"""Every error says whether repeating can help.

`PermanentError` and `TransientError` are the whole retry policy's vocabulary: whoever schedules
work looks at the base class and never at the message. `kind` is a stable slug for records,
admin filters and metrics.
"""

from typing import ClassVar


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


class SourceMissing(TransientError):
    """The original is not on its storage; some storages show a new file late."""

    kind = "missing"


class OutOfMemory(TransientError):
    """The process ran out of its memory budget; a fresh process may succeed."""

    kind = "memory"


class StorageFailed(TransientError):
    """The storage did not take or give a file."""

    kind = "storage"


class StoreUnavailable(TransientError):
    """The record store did not answer."""

    kind = "store"
