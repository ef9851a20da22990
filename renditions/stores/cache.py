"""Records in a Django cache, whichever backend it has."""

from collections.abc import Iterable, Mapping

from renditions import conf
from renditions.errors import StoreUnavailable


class CacheStore:
    """Keeps each record as JSON text under its own key, with an explicit timeout."""

    def get_many(self, keys: Iterable[str]) -> Mapping[str, str]:
        """Return the texts that are there, in one round trip."""
        try:
            found: Mapping[str, str] = conf.cache().get_many(list(keys))
        # Each backend raises errors of its own, which nobody here may import.
        except Exception as error:
            raise _unavailable(error) from error
        return found

    def set_many(self, texts: Mapping[str, str]) -> None:
        """Keep `texts`; none of them is read first, so no update can be lost."""
        try:
            refused = conf.cache().set_many(dict(texts), timeout=conf.record_lifetime_s())
        except Exception as error:
            raise _unavailable(error) from error
        if refused:
            raise StoreUnavailable(
                f"The cache did not take {len(refused)} of {len(texts)} records."
            )

    def delete_many(self, keys: Iterable[str]) -> None:
        """Forget `keys`."""
        try:
            conf.cache().delete_many(list(keys))
        except Exception as error:
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"The cache for records did not answer: {type(error).__name__}: {error}"
    )
