"""Taking one rendition away."""

from django.core.files.storage import Storage

from renditions.records import project_recorder
from renditions.storage import delete_file, storage_label


class DeleteAndClearCacheMixIn:
    """For whatever has a `name` on a `storage`."""

    name: str
    storage: Storage

    def delete(self) -> None:
        """Take the file away and forget what is known of it."""
        delete_file(self.storage, self.name)
        self.clear_cache()

    def clear_cache(self) -> None:
        """Forget what is known of the file; it stays."""
        project_recorder().delete(storage_label(self.storage), [self.name])
