"""The object store of the benchmark answers the client of S3 as S3 does."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.service.object_store import object_store, requests_of, reset
from benchmarks.service.objects import without_chunks

boto3 = pytest.importorskip("boto3")
exceptions = pytest.importorskip("botocore.exceptions")

BUCKET = "media"


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with object_store(Path(tmp_path_factory.mktemp("objects"))) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    reset(url)
    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        region_name="us-east-1",
        config=boto3.session.Config(s3={"addressing_style": "path"}),
    )
    yield client
    client.close()


def test_an_object_comes_back_as_it_was_put(client, url):
    """Body, size, ETag, content type and Cache-Control are kept; each request is counted once."""
    headers = {"ContentType": "image/jpeg", "CacheControl": "max-age=60"}
    put = client.put_object(Bucket=BUCKET, Key="a b/ü.jpg", Body=b"picture", **headers)
    head = client.head_object(Bucket=BUCKET, Key="a b/ü.jpg")
    found = client.get_object(Bucket=BUCKET, Key="a b/ü.jpg")

    assert found["Body"].read() == b"picture"
    assert put["ETag"] == head["ETag"] == found["ETag"]
    assert head["ContentLength"] == 7
    assert (found["ContentType"], found["CacheControl"]) == ("image/jpeg", "max-age=60")
    assert requests_of(url) == {"PUT": 1, "HEAD": 1, "GET": 1}


def test_a_stream_and_a_part_of_an_object(client):
    """A file is put as a stream, and a range of it is read."""
    client.upload_fileobj(io.BytesIO(b"0123456789" * 1000), BUCKET, "stream")

    found = client.get_object(Bucket=BUCKET, Key="stream", Range="bytes=10-14")

    assert found["Body"].read() == b"01234"
    assert found["ContentRange"] == "bytes 10-14/10000"


def test_a_body_in_chunks_loses_its_frame():
    """The client frames a body whose checksum follows it."""
    framed = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"

    assert without_chunks(framed) == b"abcde"


@pytest.mark.parametrize("call", ["head_object", "get_object"])
def test_a_missing_object_is_an_error(client, call):
    """Both say 404."""
    with pytest.raises(exceptions.ClientError) as error:
        getattr(client, call)(Bucket=BUCKET, Key="missing")

    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_list_is_sorted_and_comes_in_pages(client, url):
    """2100 keys are three requests; another prefix is left out."""
    keys = [f"list/{number:04}" for number in range(2100)]
    for key in [*reversed(keys), "lisu/0"]:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    reset(url)

    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="list/")
    found = [entry for page in pages for entry in page["Contents"]]

    assert [entry["Key"] for entry in found] == keys
    assert {entry["Size"] for entry in found} == {1}
    assert found[0]["ETag"] == client.head_object(Bucket=BUCKET, Key=keys[0])["ETag"]
    assert (
        found[0]["LastModified"] == client.head_object(Bucket=BUCKET, Key=keys[0])["LastModified"]
    )
    assert requests_of(url)["LIST"] == 3


def test_a_list_starts_after_a_key_and_folds_folders(client):
    """`StartAfter` leaves out the key itself; with a delimiter each folder is told once."""
    for key in ("fold/a/1", "fold/a/2", "fold/b", "fold/c/1"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")

    after = client.list_objects_v2(Bucket=BUCKET, Prefix="fold/", StartAfter="fold/a/1")
    folded = client.list_objects_v2(Bucket=BUCKET, Prefix="fold/", Delimiter="/")

    assert [entry["Key"] for entry in after["Contents"]] == ["fold/a/2", "fold/b", "fold/c/1"]
    assert [entry["Key"] for entry in folded["Contents"]] == ["fold/b"]
    assert [each["Prefix"] for each in folded["CommonPrefixes"]] == ["fold/a/", "fold/c/"]


def test_deleted_objects_are_gone(client):
    """One by one and many at once."""
    for key in ("del/1", "del/2", "del/3"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")

    client.delete_object(Bucket=BUCKET, Key="del/1")
    client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "del/2"}]})

    found = client.list_objects_v2(Bucket=BUCKET, Prefix="del/")
    assert [entry["Key"] for entry in found["Contents"]] == ["del/3"]


def test_a_conditional_put_does_not_replace(client):
    """`If-None-Match: *` refuses a name that is taken."""
    client.put_object(Bucket=BUCKET, Key="once", Body=b"1", IfNoneMatch="*")

    with pytest.raises(exceptions.ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=BUCKET, Key="once", Body=b"2", IfNoneMatch="*")

    assert client.get_object(Bucket=BUCKET, Key="once")["Body"].read() == b"1"
