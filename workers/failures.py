"""Why a job failed: the errors that only a worker can have, and how the ledger stores an error."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from django.utils.translation import gettext, gettext_noop

from renditions.errors import PermanentError, RenditionError, TransientError


class JobTimedOut(TransientError):
    kind = "time_limit"
    headline = gettext_noop("The job took too long.")


class WorkerOutdated(TransientError):
    """The worker runs older code, or has other settings, than the process that saved."""

    kind = "outdated"
    headline = gettext_noop(
        "The worker runs an older release or has other settings. Restart the workers, then retry."
    )


class WorkerDied(PermanentError):
    """The worker was killed, or an error left its task, at each attempt."""

    kind = "poison"
    headline = gettext_noop(
        "The worker died at each attempt. Replace the picture, or give the workers more memory or "
        "time, then retry."
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one rendition was not made, or the whole job. See `renditions.errors` for the texts."""

    path: str | None  # on the field's storage; None: the failure is of the whole job
    kind: str  # filter by it
    headline: str  # in English; group by it, and translate it when it is shown
    detail: str = ""  # in English, with the numbers and names of this one case

    @classmethod
    def of(cls, path: str, error: RenditionError) -> Self:
        """Return the failure of one rendition."""
        return cls(path, error.kind, error.headline, error.detail)

    @classmethod
    def of_job(cls, error: RenditionError) -> Self:
        """Return the failure of the whole job: it is why any of its renditions was not made."""
        return cls(None, error.kind, error.headline, error.detail)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        return cls(**stored)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def is_of_job(self) -> bool:
        return self.path is None

    @property
    def translated_headline(self) -> str:
        """The headline in the active language."""
        return gettext(self.headline)

    def __str__(self) -> str:
        return f"{self.headline} {self.detail}".rstrip()
