"""What is known of an original without opening it."""

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage

from renditions.errors import SourceMissing

from .failures import PathRefused, storage_error


def source_version(storage: Storage, name: str) -> str:
    """Return what changes whenever the original at `name` is replaced: its size and its date.

    Raises:
        SourceMissing: there is no such file.
        PathRefused: there can be none of that name.
        StorageRefused, StorageFailed: the storage does not say.
    """
    try:
        size = storage.size(name)
        try:
            return f"{size}-{storage.get_modified_time(name).timestamp():.6f}"
        except NotImplementedError:
            return str(size)
    except FileNotFoundError as error:
        raise SourceMissing(f"The original {name!r} is not on its storage.") from error
    except OSError as error:
        raise storage_error(name, error) from error
    except (SuspiciousOperation, ValueError) as error:
        raise PathRefused(f"{name!r} is not allowed on this storage: {error}") from error
