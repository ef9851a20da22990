"""What the tests of the inventory share: a media folder or bucket, and the names in it."""

import pytest
from django.core.files.storage import default_storage
from storages.backends.s3 import S3Storage

from renditions.storage import walk_files
from tests.service import servers


@pytest.fixture(scope="session")
def s3_options():
    return servers.s3_options("inventory")


@pytest.fixture(params=["disk", "bucket"])
def media(request, settings):
    """The default storage: a folder, or a bucket."""
    if request.param == "disk":
        yield default_storage
        return
    options = request.getfixturevalue("s3_options")
    bucket = S3Storage(**options).connection.Bucket("inventory")
    bucket.create()
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }
    yield default_storage
    bucket.objects.all().delete()


@pytest.fixture
def files(media):
    """A function that returns the paths of all files."""
    return lambda: {path for path, _ in walk_files(media)}
