"""An S3 server, and a proxy in front of it that fails on demand."""

import contextlib
import http.client
import random
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.service.servers import start_s3

HANGS_S = 3
# `mixed` is any of them, chosen for each request.
TROUBLES = ("error", "throttle", "hang", "hang-up")


class Proxy:
    """Forwards requests to the S3 server, and makes a share of them fail."""

    def __init__(self) -> None:
        self._mode, self._share, self._injected = "", 0.0, 0
        self._upstream = 0
        self._must_fail = False

    def start(self) -> str:
        """Start both servers; return the address of the proxy."""
        self._upstream = start_s3()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # With it, each answer waits 40 ms between its head and its body.
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                # The client may have given up waiting.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    proxy.forward(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    def make_bucket(self, name: str) -> None:
        """Make a bucket, with a request that does not go through the proxy."""
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=90)
        upstream.request("PUT", f"/{name}")
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
        if self._must_fail or random.random() < self._share:
            self._must_fail = False
            self._injected += 1
            if self._misbehave(handler):
                return
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=10)
        upstream.request(handler.command, handler.path, body, dict(handler.headers))
        answer = upstream.getresponse()
        data = answer.read()
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                handler.send_header(name, value)
        size = answer.getheader("Content-Length") if handler.command == "HEAD" else str(len(data))
        handler.send_header("Content-Length", size or "0")
        handler.end_headers()
        handler.wfile.write(data)

    def _misbehave(self, handler: BaseHTTPRequestHandler) -> bool:
        """Fail in the way of the mode; return False to forward the request all the same."""
        mode = random.choice(TROUBLES) if self._mode == "mixed" else self._mode
        if mode == "hang":
            # Longer than the client waits. The server still does what was asked for.
            time.sleep(HANGS_S)
            return False
        if mode == "hang-up":
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return True
        code, status = ("SlowDown", 503) if mode == "throttle" else ("InternalError", 500)
        data = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data)
        return True
