"""Emulated object stores, and what django-storages takes for each."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from tests.service.servers import start_s3

BUCKET = "media"


class Store(Protocol):
    """A bucket of an emulator."""

    backend: str  # dotted path of the storage

    def options(self, **given: Any) -> dict[str, Any]:
        """Return the OPTIONS of the storage."""

    def objects(self) -> Mapping[str, str]:
        """Return the content type of each object, by its key in the bucket."""

    def empty(self) -> None:
        """Delete all objects."""


@dataclass(frozen=True, slots=True)
class S3:
    """moto, over HTTP."""

    port: int
    backend = "storages.backends.s3.S3Storage"

    def options(self, **given: Any) -> dict[str, Any]:
        # What is served without a signature must be public.
        acl = None if given["querystring_auth"] else "public-read"
        return {**self._client_options(), "bucket_name": BUCKET, "default_acl": acl, **given}

    def _client_options(self) -> dict[str, Any]:
        return {
            "endpoint_url": f"http://127.0.0.1:{self.port}",
            "access_key": "a",
            "secret_key": "b",
            "region_name": "us-east-1",
            "addressing_style": "path",
        }

    @property
    def bucket(self) -> Any:
        import boto3

        options = self._client_options()
        return boto3.resource(
            "s3",
            endpoint_url=options["endpoint_url"],
            aws_access_key_id=options["access_key"],
            aws_secret_access_key=options["secret_key"],
            region_name=options["region_name"],
        ).Bucket(BUCKET)

    def objects(self) -> Mapping[str, str]:
        return {each.key: each.Object().content_type for each in self.bucket.objects.all()}

    def empty(self) -> None:
        self.bucket.objects.all().delete()


@dataclass(frozen=True, slots=True)
class GCS:
    """gcp-storage-emulator, over HTTP."""

    port: int
    backend = "storages.backends.gcloud.GoogleCloudStorage"

    def options(self, **given: Any) -> dict[str, Any]:
        from google.auth.credentials import AnonymousCredentials, Signing

        class Credentials(AnonymousCredentials, Signing):
            """They sign URLs, and the emulator does not check them."""

            signer_email = "tests@localhost"
            signer = None

            def sign_bytes(self, message: bytes) -> bytes:
                return b"signed"

        return {"bucket_name": BUCKET, "project_id": "p", "credentials": Credentials(), **given}

    @property
    def bucket(self) -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        return Client(project="p", credentials=AnonymousCredentials()).bucket(BUCKET)

    def objects(self) -> Mapping[str, str]:
        return {blob.name: blob.content_type for blob in self.bucket.list_blobs()}

    def empty(self) -> None:
        for blob in self.bucket.list_blobs():
            blob.delete()


@contextmanager
def s3() -> Iterator[Store]:
    store = S3(start_s3())
    store.bucket.create()
    yield store


@contextmanager
def gcs() -> Iterator[Store]:
    from gcp_storage_emulator.server import create_server

    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    try:
        port = server._api._httpd.server_address[1]
        os.environ["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{port}"
        yield GCS(port)
    finally:
        server.stop()
        del os.environ["STORAGE_EMULATOR_HOST"]


KINDS = {"s3": s3, "gcs": gcs}
