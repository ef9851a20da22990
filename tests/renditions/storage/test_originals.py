"""The version of an original, and why it may not be told."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage

from renditions.errors import SourceMissing
from renditions.storage import source_version


class ClientError(Exception):
    """What the client of an object store raises."""


class GoogleCloud(InMemoryStorage):
    """Raises an error of its client for a missing file, as `GoogleCloudStorage` does."""

    def size(self, name: str) -> int:
        if not self.exists(name):
            raise ClientError("404 File does not exist")
        return super().size(name)


class Away(GoogleCloud):
    """Answers no request for a size."""

    def size(self, name: str) -> int:
        raise ClientError("503 Service Unavailable")


class Mute(Away):
    """Cannot tell what exists."""

    def exists(self, name: str) -> bool:
        raise NotImplementedError("subclasses of Storage must provide an exists() method")


def test_a_missing_original_is_told_whatever_the_error_of_its_client():
    """The admin then says that the file is missing, and not that the storage failed."""
    with pytest.raises(SourceMissing, match=r"a\.jpg"):
        source_version(GoogleCloud(), "a.jpg")


def test_a_store_that_is_away_has_lost_no_original():
    """Its own error says more."""
    storage = Away()
    InMemoryStorage._save(storage, "a.jpg", ContentFile(b"one"))

    with pytest.raises(ClientError, match="503"):
        source_version(storage, "a.jpg")


def test_a_storage_may_not_know_what_exists():
    with pytest.raises(ClientError, match="503"):
        source_version(Mute(), "a.jpg")
