"""An HTTP client of the run's web server."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

TIMEOUT_S = 30
FORM = "application/x-www-form-urlencoded"
# Django accepts a form if its cookie and its header agree.
CSRF_TOKEN = "chaos" * 6 + "ab"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the web server."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """A client that opens a new connection for each request."""

    def __init__(self, web: Path, session: str = "") -> None:
        self._web = web
        self._headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF_TOKEN}",
            "X-CSRFToken": CSRF_TOKEN,
        }

    def get(self, url: str) -> Answer:
        return self._ask("GET", url, b"", {})

    def post(self, url: str, fields: Mapping[str, Any]) -> Answer:
        """Send a form, with a list for each field that has several values."""
        body = urlencode(fields, doseq=True).encode()
        return self._ask("POST", url, body, {"Content-Type": FORM})

    def upload(self, url: str, data: bytes) -> Answer:
        """Send a file as the body."""
        return self._ask("POST", url, data, {"Content-Type": "application/octet-stream"})

    def _ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = _UnixConnection(self._web)
        try:
            connection.request(method, url, body, {**self._headers, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def administrator(web: Path) -> Browser:
    """Return the browser of a superuser who is logged in."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    return Browser(web, client.cookies["sessionid"].value)
