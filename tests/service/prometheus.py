"""What Prometheus sees of the service, and a real Prometheus."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .processes import Process
from .servers import unused_port
from .waiting import wait_for

HOST = "127.0.0.1"


class Scrape:
    """One answer to a scrape."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the samples with `name` that have at least these labels."""
        return [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def sum(self, name: str, **labels: str) -> float:
        return sum(self.values(name, **labels))


class Prometheus(Process):
    """A Prometheus that scrapes `targets`, each as host:port, every second."""

    def __init__(self, folder: Path, *targets: str) -> None:
        program = shutil.which("prometheus")
        if program is None:
            pytest.skip("Prometheus is not installed.")
        jobs = [{"job_name": "renditions", "static_configs": [{"targets": list(targets)}]}]
        config = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
        # JSON is YAML.
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.port = unused_port()
        command = [program, f"--config.file={folder / 'prometheus.yml'}"]
        command += [f"--storage.tsdb.path={folder / 'data'}"]
        command += [f"--web.listen-address={HOST}:{self.port}"]
        super().__init__(command, folder / "prometheus.log", is_ready=lambda _: self._answers())

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of the API."""
        address = f"http://{HOST}:{self.port}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression at this moment."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://{HOST}:{self.port}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def prometheus(folder: Path, *targets: str) -> Iterator[Prometheus]:
    """Run Prometheus until it has scraped each of `targets` twice."""
    with Prometheus(folder, *targets) as server:
        server.wait_until_ready()
        twice = "min(count_over_time(up[1m]) * up)"
        wait_for(lambda: _first(server.query(twice)) >= 3, 30, "Prometheus has scraped")
        yield server


def _first(series: list[dict[str, Any]]) -> float:
    return float(series[0]["value"][1]) if series else 0
