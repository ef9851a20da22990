"""The version of an original, read without opening the file."""

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage

from renditions.errors import SourceMissing

from .failures import PathRefused, storage_error


def source_version(storage: Storage, name: str) -> str:
    """Return the size and date of the original at `name`: they change when it is replaced.

    Raises:
        SourceMissing: the file does not exist.
        PathRefused: the storage does not accept the name.
        StorageRefused, StorageFailed: the storage did not answer.
    """
    try:
        size = storage.size(name)
        try:
            return f"{size}-{storage.get_modified_time(name).timestamp():.6f}"
        except NotImplementedError:
            return str(size)
    except FileNotFoundError as error:
        raise SourceMissing(name) from error
    except OSError as error:
        raise storage_error(name, error) from error
    except (SuspiciousOperation, ValueError) as error:
        raise PathRefused(f"{name!r}: {error}") from error
