"""The installation, started once for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.service.installation import Installation, start_demo, web_server


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A web server without broker, cache and workers; everyone may upload pictures up to 1 MB."""
    options = {"ANONYMOUS_UPLOADS": "1", "MAX_UPLOAD_MB": "1", "UPLOAD_RATE": "1000/min"}
    with web_server(tmp_path_factory.mktemp("web"), **options) as installation:
        yield installation


@pytest.fixture(scope="session")
def closed_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The same with default settings, except for a low limit of requests."""
    with web_server(tmp_path_factory.mktemp("closed"), READ_RATE="3/min") as installation:
        yield installation


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The whole demo."""
    with start_demo(tmp_path_factory.mktemp("demo")) as installation:
        installation.process.wait_until_ready()
        yield installation
