"""An object store that speaks S3 over HTTP, answers late, and counts requests by kind.

    python -m benchmarks.service.objects PORT-FILE

It keeps objects in memory and does not verify signatures. moto would be the bottleneck of a
measurement: its list of 1000 keys takes longer than the delay that is measured.
"""

import asyncio
import email.utils
import hashlib
import json
import os
import re
import sys
import time
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

# Answers for the benchmark itself: counts, reset. No bucket can have this name.
CONTROL = "-control-"
MOST_KEYS = 1000
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass(frozen=True, slots=True)
class Stored:
    """One object."""

    data: bytes
    headers: Mapping[str, str]  # content type, cache control, user metadata
    etag: str
    stored_at: float


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body complete."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def kind(self) -> str:
        """What it is counted as."""
        if self.method == "GET" and not self.key:
            return "LIST"
        return "DELETE" if "delete" in self.query else self.method


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; a HEAD sends its length without its body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Store:
    """All buckets: each exists."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Stored]] = {}
        self._names: dict[str, list[str]] = {}  # sorted
        self.counts: Counter[str] = Counter()
        self.delay_s = 0.0

    def answer(self, request: Request) -> Answer:
        if request.bucket == CONTROL:
            return self._control(request)
        self.counts[request.kind] += 1
        if "delete" in request.query:
            return self._delete_many(request)
        answers: dict[str, Callable[[Request], Answer]] = {
            "LIST": self._list,
            "PUT": self._put,
            "GET": self._get,
            "HEAD": self._get,
            "DELETE": self._delete,
        }
        return answers.get(request.kind, lambda _: _error(501, "NotImplemented"))(request)

    def _control(self, request: Request) -> Answer:
        if request.method == "POST":
            self.counts.clear()
            self.delay_s = float(request.query.get("delay_ms", "0")) / 1000
            if "empty" in request.query:
                self._objects.clear()
                self._names.clear()
        return Answer(200, json.dumps({"pid": os.getpid(), "counts": self.counts}).encode())

    def _put(self, request: Request) -> Answer:
        objects = self._objects.setdefault(request.bucket, {})
        if request.headers.get("if-none-match") == "*" and request.key in objects:
            return _error(412, "PreconditionFailed")
        data, kept = request.body, request.headers
        if source := request.headers.get("x-amz-copy-source"):
            bucket, _, key = unquote(source).lstrip("/").partition("/")
            copied = self._objects.get(bucket, {}).get(key)
            if copied is None:
                return _error(404, "NoSuchKey")
            data, kept = copied.data, copied.headers
        headers = {
            name: value
            for name, value in kept.items()
            if name in ("content-type", "cache-control", "content-disposition")
            or name.startswith("x-amz-meta-")
        }
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if request.key not in objects:
            insort(self._names.setdefault(request.bucket, []), request.key)
        objects[request.key] = Stored(data, headers, f'"{etag}"', time.time())
        if source:
            return Answer(200, f"<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>".encode())
        return Answer(200, headers={"ETag": f'"{etag}"'})

    def _get(self, request: Request) -> Answer:
        found = self._objects.get(request.bucket, {}).get(request.key)
        if found is None:
            return _error(404, "NoSuchKey")
        headers = {
            "content-type": "binary/octet-stream",
            **found.headers,
            "ETag": found.etag,
            "Last-Modified": email.utils.formatdate(found.stored_at, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if part is None:
            return Answer(200, found.data, headers)
        first, size = int(part[1]), len(found.data)
        last = min(int(part[2] or size - 1), size - 1)
        if first > last:
            return _error(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return Answer(206, found.data[first : last + 1], headers)

    def _delete(self, request: Request) -> Answer:
        if self._objects.get(request.bucket, {}).pop(request.key, None):
            names = self._names[request.bucket]
            del names[bisect_left(names, request.key)]
        return Answer(204)

    def _delete_many(self, request: Request) -> Answer:
        tree = ElementTree.fromstring(request.body)
        for key in (node.text or "" for node in tree.iter() if node.tag.endswith("Key")):
            self._delete(Request("DELETE", request.bucket, key, {}, {}, b""))
        return Answer(200, f"<DeleteResult {NAMESPACE}/>".encode())

    def _list(self, request: Request) -> Answer:
        """Answer version 2 of the list request."""
        query = request.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        limit = min(int(query.get("max-keys", MOST_KEYS)), MOST_KEYS)
        names, objects = self._names.get(request.bucket, []), self._objects.get(request.bucket, {})
        position = max(bisect_left(names, prefix), bisect_right(names, after) if after else 0)
        keys: list[str] = []
        folders: list[str] = []
        last = ""
        while position < len(names) and len(keys) + len(folders) < limit:
            name = names[position]
            if not name.startswith(prefix):
                break
            folder, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("",) * 3
            if found:
                last = f"{prefix}{folder}{delimiter}"
                folders.append(last)
                # Skip what is inside of the folder.
                last += "\U0010ffff"
                position = bisect_right(names, last)
            else:
                last = name
                keys.append(name)
                position += 1
        is_cut = position < len(names) and names[position].startswith(prefix)
        encode = quote if query.get("encoding-type") == "url" else escape
        more = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if is_cut else ""
        body = [
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult {NAMESPACE}>',
            f"<Name>{request.bucket}</Name><Prefix>{encode(prefix)}</Prefix>",
            f"<MaxKeys>{limit}</MaxKeys><KeyCount>{len(keys) + len(folders)}</KeyCount>",
            "<EncodingType>url</EncodingType>" if "encoding-type" in query else "",
            f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>{more}",
            *(_listed(encode(key), objects[key]) for key in keys),
            *(f"<CommonPrefixes><Prefix>{encode(f)}</Prefix></CommonPrefixes>" for f in folders),
            "</ListBucketResult>",
        ]
        return Answer(200, "".join(body).encode(), {"Content-Type": "application/xml"})


def _listed(key: str, found: Stored) -> str:
    # S3 tells whole seconds, in a list as in a HEAD.
    date = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(found.stored_at))
    return (
        f"<Contents><Key>{key}</Key><LastModified>{date}</LastModified>"
        f"<ETag>{escape(found.etag)}</ETag><Size>{len(found.data)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _error(status: int, code: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


# ---- HTTP --------------------------------------------------------------------------------------

REASONS = {200: "OK", 204: "No Content", 206: "Partial Content"}


async def _serve(store: Store, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, one after the other."""
    try:
        while request := await _read(reader, writer):
            if request.bucket != CONTROL and store.delay_s:
                await asyncio.sleep(store.delay_s)
            writer.write(_bytes_of(store.answer(request), request.method))
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding") == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    if "aws-chunked" in headers.get("content-encoding", ""):
        body = without_chunks(body)
    url = urlsplit(target)
    bucket, _, key = url.path.lstrip("/").partition("/")
    query = {name: values[0] for name, values in parse_qs(url.query, True).items()}
    return Request(method, bucket, unquote(key), query, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


def without_chunks(body: bytes) -> bytes:
    """Return the data of a body in `aws-chunked` encoding; its trailing checksums are left out."""
    parts = []
    while True:
        size_text, _, body = body.partition(b"\r\n")
        size = int(size_text.split(b";")[0], 16)
        if not size:
            return b"".join(parts)
        parts.append(body[:size])
        body = body[size + 2 :]


def _bytes_of(answer: Answer, method: str) -> bytes:
    headers = {
        "x-amz-request-id": "0",
        "Date": email.utils.formatdate(usegmt=True),
        **answer.headers,
        "Content-Length": str(len(answer.body)),
    }
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Error')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    return head if method == "HEAD" else head + answer.body


async def main(port_file: Path) -> None:
    """Serve on a free port of 127.0.0.1, and write its number to `port_file`."""
    store = Store()
    server = await asyncio.start_server(
        lambda reader, writer: _serve(store, reader, writer), "127.0.0.1", 0, limit=2**20
    )
    port_file.write_text(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
