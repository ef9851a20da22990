"""Errors of a storage's own client, which are no OSError."""

import pytest

from renditions.engine.warming import warm
from renditions.errors import StorageFailed
from tests.app.models import Person


class SlowDown(Exception):
    """As botocore's ClientError: nobody's subclass."""


@pytest.mark.django_db
def test_a_storage_that_answers_with_its_own_error_may_be_asked_again(picture, monkeypatch):
    """A 500 of an object store says nothing about the picture."""
    image = Person.objects.create(headshot=picture()).headshot

    def throttled(*args: object) -> None:
        raise SlowDown("please")

    monkeypatch.setattr(image.storage, "open", throttled)
    report = warm(image.storage, image.plans(), force=True)

    assert report.failures
    assert all(isinstance(error, StorageFailed) for error in report.failures.values())
    assert all("SlowDown: please" in str(error) for error in report.failures.values())
