"""The names of the old package's `datastructures.mixins`."""

from django.core.files.storage import Storage

from renditions.compat.live import reader
from renditions.records import project_recorder
from renditions.storage import delete_files, storage_label

__all__ = ["DeleteAndClearCacheMixIn", "cache"]

__getattr__ = reader(__name__, ("cache",))


class DeleteAndClearCacheMixIn:
    """For a class with the attributes `name` and `storage`."""

    name: str
    storage: Storage

    def delete(self) -> None:
        """Delete the file and its record."""
        delete_files(self.storage, [self.name])
        self.clear_cache()

    def clear_cache(self) -> None:
        """Delete the record of the file; the file stays."""
        project_recorder().delete(storage_label(self.storage), [self.name])
