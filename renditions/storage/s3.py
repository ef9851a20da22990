"""Amazon S3 and its imitations, through django-storages.

Imported only where django-storages is in use, because it is optional.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import Storage
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from . import objects
from .any import FileInfo, Headers, overrides


class S3(objects.ObjectStore):
    """A bucket."""

    storage: S3Storage

    def __init__(self, storage: S3Storage) -> None:
        super().__init__(storage)
        # The storage makes a client for each thread, which takes tens of milliseconds. A client is
        # safe in threads, so all of ours use that of the calling thread.
        # https://docs.aws.amazon.com/boto3/latest/guide/clients.html
        self._client = storage.connection.meta.client

    @staticmethod
    def serves(storage: Storage) -> bool:
        """Whether `storage` is a bucket, and the project has not changed how it is used."""
        if not isinstance(storage, S3Storage):
            return False
        # A compressed object is not the bytes of the picture.
        return not storage.gzip and not overrides(storage, S3Storage, *_REPLACED)

    def key(self, path: str) -> str:
        # It adds the location of the storage, and refuses a path that leads out of it.
        key: str = self.storage._normalize_name(clean_name(path))  # noqa: SLF001
        return key

    def open(self, name: str, max_bytes: int) -> BinaryIO:
        return self.open_with_info(name, max_bytes)[0]

    def open_with_info(self, name: str, max_bytes: int) -> tuple[BinaryIO, FileInfo]:
        with _translated(name):
            answer = self._client.get_object(**self._readable(self.key(name)))
            # One byte more tells that the file is too long.
            wanted = min(answer["ContentLength"], max_bytes + 1)
            with answer["Body"] as body:
                data = body.read(wanted)
        if len(data) < wanted:
            raise OSError(f"{name}: the store sent {len(data)} of {wanted} bytes.")
        return io.BytesIO(data), _info(answer, answer["ContentLength"])

    def info(self, name: str) -> FileInfo:
        return self._info(self.key(name))

    def write(self, path: str, data: bytes, headers: Headers) -> None:
        key = self.key(path)
        parameters = self.storage._get_write_parameters(key)  # noqa: SLF001
        if headers.content_type is not None:
            parameters["ContentType"] = headers.content_type
        if headers.cache_control is not None:
            parameters["CacheControl"] = headers.cache_control
        with _translated(path):
            self._client.put_object(
                Bucket=self.storage.bucket_name, Key=key, Body=data, **parameters
            )

    def list_keys(self, prefix: str, after: str) -> Iterator[Sequence[tuple[str, FileInfo]]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.storage.bucket_name,
            Prefix=prefix,
            StartAfter=after,
            MaxKeys=objects.KEYS_PER_PAGE,
        )
        with _translated(prefix):
            for page in pages:
                yield [
                    (each["Key"], _info(each, each["Size"])) for each in page.get("Contents", ())
                ]

    def _delete(self, key: str) -> None:
        # Not DeleteObjects, which some imitations lack or want with another checksum.
        with _translated(key):
            self._client.delete_object(Bucket=self.storage.bucket_name, Key=key)

    def _info(self, key: str) -> FileInfo:
        with _translated(key):
            answer = self._client.head_object(**self._readable(key))
        return _info(answer, answer["ContentLength"])

    def _readable(self, key: str) -> dict[str, Any]:
        given = self.storage.get_object_parameters(key)
        needed = {name: value for name, value in given.items() if name in _READ_PARAMETERS}
        return {"Bucket": self.storage.bucket_name, "Key": key, **needed}


# The methods of the storage that `S3` does without.
_REPLACED = (
    *("save", "_save", "open", "_open", "delete", "listdir"),
    *("exists", "size", "get_modified_time"),
)
# Parameters of an object that a request to read it needs, too: those of encrypted objects and of
# buckets whose reader pays.
_READ_PARAMETERS = {
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "RequestPayer",
    "ExpectedBucketOwner",
}


def _info(answer: Any, size: int) -> FileInfo:
    # Not the date, which has whole seconds: a file may be replaced twice in one.
    return FileInfo(f"{size}-{answer['ETag']}", answer["LastModified"], size)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Raise what a file system raises."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        kind = {404: FileNotFoundError, 403: PermissionError}.get(status, OSError)
        raise kind(f"{path}: {error}") from error
    # No answer, or half of one.
    except BotoCoreError as error:
        raise OSError(f"{path}: {type(error).__name__}: {error}") from error
