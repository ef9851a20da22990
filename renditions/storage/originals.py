"""The version of an original, read without opening the file."""

from contextlib import suppress

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage

from renditions.errors import SourceMissing

from .failures import PathRefused, storage_error

# The version of an original on a storage that tells neither size nor date.
UNVERSIONED = "unversioned"


def source_version(storage: Storage, name: str) -> str:
    """Return the size and date of the original at `name`: they change when it is replaced.

    Both are optional in a Django storage. Without them every content under a name has one version:
    only a save tells that it was replaced.

    Raises:
        SourceMissing: the file does not exist.
        PathRefused: the storage does not accept the name.
        StorageRefused, StorageFailed: the storage did not answer.
    """
    parts = []
    try:
        with suppress(NotImplementedError):
            parts.append(str(storage.size(name)))
        with suppress(NotImplementedError):
            parts.append(f"{storage.get_modified_time(name).timestamp():.6f}")
        return "-".join(parts) or UNVERSIONED
    except FileNotFoundError as error:
        raise SourceMissing(name) from error
    except OSError as error:
        raise storage_error(name, error) from error
    except (SuspiciousOperation, ValueError) as error:
        raise PathRefused(f"{name!r}: {error}") from error
    # Some clients have an error of their own for a missing file: google.cloud.exceptions.NotFound.
    except Exception as error:
        if _exists(storage, name):
            raise
        raise SourceMissing(name) from error


def _exists(storage: Storage, name: str) -> bool:
    try:
        return storage.exists(name)
    except NotImplementedError:
        # It is optional, too.
        return True
