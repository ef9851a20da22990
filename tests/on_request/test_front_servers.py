"""nginx and Caddy before Django, set up as the docs page says."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from renditions.planning.keys import RenditionKey
from tests.app.models import Person
from tests.service.processes import CHECKOUT, START_S, Process, clean
from tests.service.servers import unused_port
from tests.service.waiting import wait_for
from tests.smoke.environment import Environment
from tests.smoke.filters import ORDINARY

from .conftest import HOST, Web
from .test_processes import url

PAGE = (CHECKOUT / "docs/missing-files.md").read_text()


def block(language: str) -> str:
    """Return the configuration of the docs page."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def found_program(name: str) -> str:
    """Return the path of a program, or skip the test."""
    program = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/bin")
    if program is None:
        pytest.skip(f"There is no {name} on this machine.")
    return program


def nginx(folder: Path, port: int, web: Web) -> list[str]:
    """Write the configuration of nginx; return its command."""
    program = found_program("nginx")
    server = changed(
        block("nginx"),
        {
            "listen 80;": f"listen {HOST}:{port};",
            "root /srv/shop;": f"root {folder};",
            "http://127.0.0.1:8000": f"http://{HOST}:{web.port}",
        },
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx-errors.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}{server}}}\n"
    )
    return [program, "-p", str(folder), "-e", f"{folder}/nginx-errors.log", "-c", str(path)]


def caddy(folder: Path, port: int, web: Web) -> list[str]:
    """Write the configuration of Caddy; return its command."""
    program = found_program("caddy")
    site = changed(
        block("caddyfile"),
        {
            "shop.example.com": f"http://{HOST}:{port}",
            "/srv/shop": str(folder),
            "reverse_proxy 127.0.0.1:8000": f"reverse_proxy {HOST}:{web.port}",
        },
    )
    path = folder / "Caddyfile"
    path.write_text(f"{{\n    admin off\n}}\n{site}")
    return [program, "run", "--config", str(path)]


def changed(text: str, values: dict[str, str]) -> str:
    """Replace the addresses and folders of the docs page with those of the test."""
    for old, new in values.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def front(request, environment: Environment, web: Web) -> Iterator[Web]:
    """A web server before Django, which serves the files that exist."""
    folder = Path(environment.folder)
    environment.media.mkdir(exist_ok=True)
    port = unused_port()
    command = request.param(folder, port, web)
    log = folder / f"{request.param.__name__}.log"
    variables = clean(HOME=str(folder))
    with Process(command, log, environment=variables, folder=folder) as process:
        front = Web(process, port)
        wait_for(front.answers, START_S, "the web server answers")
        yield front


def test_a_missing_file_is_made_and_then_served_without_django(front: Web, save, rendered):
    """The first request reaches Django, and the second one finds the file."""
    person = save(ORDINARY)

    first, second = front.get(url(person)), front.get(url(person))

    assert [first.status_code, second.status_code] == [200, 200]
    assert first.content == second.content
    assert first.headers["Server"] != second.headers["Server"] or _is_from_file(second)
    assert len(rendered()) == 1
    for answer in (first, second):
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def _is_from_file(answer: requests.Response) -> bool:
    # Ours are made of 24 letters.
    return not re.fullmatch(r'"[0-9a-f]{24}"', answer.headers["ETag"])


def test_a_signed_url_is_made_and_then_served_without_django(
    front: Web, save: Callable[..., Person]
):
    """The web server ignores the signature of a file that exists."""
    person = save(ORDINARY)
    address = person.headshot.signed_url("crop__31x27@2x__webp", 60)
    assert front.get(address.partition("?")[0]).status_code == 404

    first, second = front.get(address), front.get(address.partition("?")[0])

    assert [first.status_code, second.status_code] == [200, 200]
    assert first.content == second.content
    assert _is_from_file(second)


@pytest.mark.parametrize(
    "path",
    [
        "/media/people/gone.jpg",
        "/media/__sized__/people/gone-thumbnail-50x50-70.jpg",
        "/media/__sized__/people/../../../etc/passwd",
        "/media/%2e%2e/nginx.conf",
        "/media/__sized__/%00.jpg",
    ],
)
def test_anything_else_is_not_found(front: Web, path: str):
    """Nothing outside of the media folder is served."""
    client = requests.Session()
    request = client.prepare_request(requests.Request("GET", f"http://{HOST}:{front.port}/"))
    request.url = f"http://{HOST}:{front.port}{path}"

    assert client.send(request, timeout=20).status_code in (400, 404)


def test_a_picture_in_a_row_is_found_through_the_web_server(front: Web, save):
    """The name of a file may need quoting."""
    person = save(ORDINARY, "é a+b&c.jpg")
    key = RenditionKey.parse("thumbnail__50x50")
    address = person.headshot.storage.url(person.headshot.plan(key).path)

    assert front.get(address).status_code == 200
