"""Why something was not made: as it is stored, and as editors read it.

`kind` is a stable slug: filter and group by it. `reason` is the detail in English, with the numbers
of this one case.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class JobFailure(StrEnum):
    """The kinds of failure that only a worker can have, beside those of `renditions.errors`."""

    TIME_LIMIT = "time_limit"
    OUTDATED = "outdated"  # the worker runs older code than the process that saved
    POISON = "poison"  # the worker died at each attempt


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one rendition could not be made, or the whole job."""

    path: str | None  # on the field's storage; None: the failure is of the whole job
    kind: str
    reason: str

    @classmethod
    def of_job(cls, kind: str, reason: str) -> Self:
        """Return a failure of the whole job: none of its renditions was made for this reason."""
        return cls(None, kind, reason)

    def as_json(self) -> dict[str, Any]:
        """Return it as the ledger stores it."""
        return asdict(self)


# What an editor reads. The numbers are in the reason.
SENTENCES: Mapping[str, "str | Promise"] = {
    "missing": _("The original file is missing."),
    "storage": _("The storage did not read or write the file."),
    "denied": _("Permission denied."),
    "path": _("The file name is not allowed on this storage."),
    "unreadable": _("The image is damaged or incomplete. Upload the file again."),
    "refused": _("The image is above a limit."),
    "format": _("The file format is not accepted."),
    "file_size": _("The file is too large."),
    "pixels": _("The image has too many pixels."),
    "side": _("The image is too wide or too high."),
    "scans": _("The JPEG file has too many scans. Save it as a baseline JPEG."),
    "frames": _("The animation is too long or too large."),
    "metadata": _("The file contains too much metadata."),
    "decode_memory": _("The image needs too much memory."),
    "render": _("The rendition could not be made."),
    "rendition_size": _("The rendition would be too large."),
    "empty_size": _("The rendition would be empty."),
    "unknown_format": _("The output format is not supported."),
    "memory": _("The worker ran out of memory."),
    "store": _("The cache for rendition records is not available."),
    JobFailure.TIME_LIMIT: _("The job took too long."),
    JobFailure.OUTDATED: _("The worker has older code or other settings. Restart the workers."),
    JobFailure.POISON: _("The worker died at each attempt."),
}


def sentence(kind: str) -> str:
    """Return what an editor reads for `kind`, in the active language; an unknown kind as it is."""
    return str(SENTENCES.get(kind, kind))
