"""An S3 server, and a proxy in front of it that fails on demand, but only for workers."""

import contextlib
import http.client
import random
import socket
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.service.servers import start_s3

BUCKET = "media"
# Longer than the client waits.
HANGS_S = 3
# `mixed` is any of them, chosen for each request. After `hang`, the server carries out the request
# although the client has given up. After `mute`, it has done so at once.
TROUBLES = ("error", "throttle", "hang", "hang-up")
PROMPT_TROUBLES = ("error", "throttle", "mute", "hang-up")


class Proxy:
    """Forwards requests to the S3 server, and makes a share of those of workers fail."""

    def __init__(self, troubles: Sequence[str] = TROUBLES) -> None:
        """Take the troubles of `mixed`."""
        self._troubles = troubles
        self._mode, self._share, self._injected = "", 0.0, 0
        self._upstream = 0
        self._must_fail = False

    def start(self) -> dict[str, Any]:
        """Start both servers; return the settings of the storage, as `STORAGES` has them."""
        self._upstream = start_s3()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # With it, each answer waits 40 ms between its head and its body.
            disable_nagle_algorithm = True

            def handle(self) -> None:
                # The client may have given up waiting, or may have been killed.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    super().handle()

            def handle_any(self) -> None:
                proxy.forward(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = {
            "bucket_name": BUCKET,
            "endpoint_url": f"http://127.0.0.1:{server.server_port}",
            "access_key": "a",
            "secret_key": "b",
            "region_name": "us-east-1",
            "file_overwrite": True,
        }
        return {"BACKEND": "tests.chaos.app.storages.ImpatientS3Storage", "OPTIONS": options}

    def make_bucket(self) -> None:
        """Make the bucket, with a request that does not go through the proxy."""
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=90)
        upstream.request("PUT", f"/{BUCKET}")
        upstream.getresponse().read()

    def fail(self, mode: str, share: float) -> None:
        """Let the next request and this share of all others fail in the way `mode`."""
        self._mode, self._share = mode, share
        self._must_fail = bool(mode)

    @property
    def has_failed_one(self) -> bool:
        """Whether a request failed since the last call of `fail`."""
        return not self._must_fail

    def pop_injected(self) -> int:
        """Return how many requests failed since the last call."""
        injected, self._injected = self._injected, 0
        return injected

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        mode = self._mode_of(handler)
        if mode == "hang":
            time.sleep(HANGS_S)
        elif mode in ("error", "throttle", "hang-up"):
            _refuse(handler, mode)
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=10)
        upstream.request(handler.command, handler.path, body, dict(handler.headers))
        answer = upstream.getresponse()
        data = answer.read()
        if mode == "mute":
            time.sleep(HANGS_S)
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                handler.send_header(name, value)
        size = answer.getheader("Content-Length") if handler.command == "HEAD" else str(len(data))
        handler.send_header("Content-Length", size or "0")
        handler.end_headers()
        handler.wfile.write(data)

    def _mode_of(self, handler: BaseHTTPRequestHandler) -> str:
        """Return the trouble of one request; empty: none."""
        is_of_worker = "worker" in handler.headers.get("User-Agent", "").split()
        if not is_of_worker or not (self._must_fail or random.random() < self._share):
            return ""
        self._must_fail = False
        self._injected += 1
        return random.choice(self._troubles) if self._mode == "mixed" else self._mode


def _refuse(handler: BaseHTTPRequestHandler, mode: str) -> None:
    if mode == "hang-up":
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
        return
    code, status = ("SlowDown", 503) if mode == "throttle" else ("InternalError", 500)
    data = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(data)
