"""What is known of an original without opening it."""

from django.core.files.storage import Storage

from .errors import SourceMissing


def source_version(storage: Storage, name: str) -> str:
    """Return what changes whenever the original at `name` is replaced: its size and its date.

    Raises:
        SourceMissing: there is no such file.
    """
    try:
        size = storage.size(name)
    except FileNotFoundError as error:
        raise SourceMissing(f"The original {name!r} is not on its storage.") from error
    try:
        return f"{size}-{storage.get_modified_time(name).timestamp():.6f}"
    except NotImplementedError:
        return str(size)
