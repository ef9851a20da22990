"""A known run of two workers, as a scrape and a real Prometheus see it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import four_corners
from tests.service import commands
from tests.service.installation import Installation, manage, web_server
from tests.service.processes import CHECKOUT, Process, logged
from tests.service.prometheus import Prometheus, Scrape, prometheus
from tests.service.servers import Valkey, unused_port
from tests.service.waiting import wait_for

pytestmark = pytest.mark.smoke

GOOD, BROKEN = 7, 3
MODEL = "gallery.Photo"
BEATEN = "from workers import recovery as r; r.on_beat_sends_sweep(); r.note_scheduled_sweep()"


@dataclass(frozen=True, slots=True)
class Service:
    """The service after the run."""

    web: Installation
    folder: Path  # of the counts
    media: Path
    worker_port: int  # on which one of the workers serves the counts

    def scrape(self) -> Scrape:
        return Scrape(self.web.get("metrics").text)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, valkey: Valkey) -> Iterator[Service]:
    """Two workers with two processes each have worked on good and on broken pictures.

    Each process ends after one job. A paused bulk run waits.
    """
    folder = tmp_path_factory.mktemp("metrics")
    counts, port = folder / "counts", unused_port()
    for database in (8, 9):
        valkey.client(database).flushdb()
    with web_server(
        folder,
        valkey.broker_url(8),
        valkey.cache_url(9),
        ANONYMOUS_UPLOADS="1",
        UPLOAD_RATE="1000/min",
        PROMETHEUS_MULTIPROC_DIR=str(counts),
    ) as web:
        service = Service(web, counts, folder / "media", port)
        _upload(service)
        manage(web.environment, "rewarm", "start", f"{MODEL}.image")
        manage(web.environment, "rewarm", "pause", f"{MODEL}.image")
        # A beat would send sweeps at unknown times.
        manage(web.environment, "shell", "--command", BEATEN)
        with _worker(service, "one"), _worker(service, "two", METRICS_PORT=str(port)):
            wait_for(lambda: _owed(service) == 0, 60, "all jobs have ended")
            wait_for(lambda: service.scrape().sum("renditions_sweeps_total") == 2, 30, "both swept")
            yield service


def _upload(service: Service) -> None:
    before = set(service.media.rglob("*.jpg"))
    for number in range(GOOD + BROKEN):
        answer = service.web.upload(four_corners(640, 400), f"{number}.jpg")
        assert answer.status_code == 201, answer.text
    originals = sorted(set(service.media.rglob("*.jpg")) - before)
    assert len(originals) == GOOD + BROKEN
    for original in originals[:BROKEN]:
        original.write_bytes(b"no picture")


def _worker(service: Service, name: str, **variables: str) -> Process:
    command = commands.worker("config", f"{name}@metrics", checks=False)
    command += ["--concurrency", "2", "--max-tasks-per-child", "1"]
    log = service.media.parent / f"{name}.log"
    environment = {**service.web.environment, **variables}
    process = Process(command, log, environment=environment, is_ready=logged(commands.WORKER_READY))
    return process.wait_until_ready()


def _owed(service: Service) -> float:
    scrape = service.scrape()
    return sum(scrape.sum("renditions_owed_jobs", state=state) for state in ("queued", "warming"))


def test_a_scrape_gives_exactly_the_counts_of_the_run(service: Service):
    """Each job is counted once, in whichever of the processes it ended."""
    scrape = service.scrape()

    jobs = {
        tuple(sample.labels.values()): sample.value
        for sample in scrape.families["renditions_jobs"].samples
    }
    assert jobs == {("", MODEL, "made"): GOOD, ("format", MODEL, "failed"): BROKEN}
    assert scrape.sum("renditions_queue_wait_seconds_count") == GOOD + BROKEN
    assert scrape.values("renditions_save_to_ready_seconds_count", model=MODEL) == [GOOD]
    stages = dict.fromkeys(("render", "publish"), GOOD)
    stages |= dict.fromkeys(("fetch", "decode"), GOOD + BROKEN)
    for stage, number in stages.items():
        assert scrape.values("renditions_stage_seconds_count", stage=stage) == [number]
    made = [path for path in service.media.rglob("*") if "__" in str(path) and path.is_file()]
    published = sum(path.stat().st_size for path in made)
    assert scrape.values("renditions_published_bytes_total", model=MODEL) == [published]
    assert scrape.values("renditions_owed_jobs", model=MODEL, state="failed") == [BROKEN]


def test_a_worker_serves_the_same_counts_on_its_own_port(service: Service):
    """And nothing of the ledger, which each worker would repeat."""
    served = Scrape(service.web.get(f"http://127.0.0.1:{service.worker_port}/metrics").text)

    assert served.sum("renditions_jobs_total") == GOOD + BROKEN
    assert "renditions_owed_jobs" not in served.families
    assert "renditions_owed_jobs" in service.scrape().families


def test_processes_that_end_leave_no_files(service: Service):
    """There is a file for each place in a pool, however many processes it had."""
    files = {path.name for path in service.folder.glob("counter_*.db")}
    of_pools = {f"counter_{name}-metrics-{place}.db" for name in ("one", "two") for place in (0, 1)}

    # The other one is of the web server. The main processes have counted nothing.
    assert len(files & of_pools) >= 2
    assert len(files - of_pools) == 1


# ---- Grafana and Prometheus --------------------------------------------------------------------

DASHBOARD = json.loads((CHECKOUT / "docs/grafana-dashboard.json").read_text())
RULES = CHECKOUT / "docs/prometheus-alerts.yml"
# Only the paused run of the service is unfinished, and its pictures were not counted yet.
NOT_KNOWN = ("renditions_run_known_pictures", "renditions_run_remaining_seconds")
# Nothing of this has happened in the run.
NOT_YET = ("renditions_leases_lost_total", *NOT_KNOWN)


def expressions() -> list[str]:
    """Return each expression of the dashboard, with what Grafana sets for its variables."""
    targets = (target for panel in DASHBOARD["panels"] for target in panel["targets"])
    return [target["expr"].replace("$__rate_interval", "1m") for target in targets]


@pytest.fixture(scope="module")
def server(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped the service after the run."""
    folder = tmp_path_factory.mktemp("prometheus")
    with prometheus(folder, f"127.0.0.1:{service.web.port}") as server:
        yield server


@pytest.mark.parametrize("expression", expressions())
def test_prometheus_answers_each_expression_of_the_dashboard(server: Prometheus, expression: str):
    """Each one finds series of the known run."""
    series = server.query(expression)

    assert series or any(name in expression for name in NOT_YET)


def test_the_dashboard_names_metrics_that_exist(server: Prometheus):
    """Prometheus knows each metric, also those that have no series yet."""
    known = server.ask("metadata").keys()

    for expression in expressions():
        for name in re.findall(r"renditions_\w+", expression):
            assert name in known or re.sub("_(total|bucket|sum|count)$", "", name) in known, name


def test_prometheus_gives_exactly_the_counts_of_the_run(server: Prometheus):
    def number(expression: str) -> float:
        [series] = server.query(expression)
        return float(series["value"][1])

    assert number('sum(renditions_jobs_total{result="made"})') == GOOD
    assert number('sum(renditions_jobs_total{result="failed"})') == BROKEN
    assert number("sum(renditions_sweeps_total)") == 2


def test_prometheus_accepts_the_alert_rules():
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("Prometheus is not installed.")

    done = subprocess.run(
        [program, "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alert_rules_name_metrics_that_exist(server: Prometheus):
    known = server.ask("metadata").keys()

    for name in re.findall(r"renditions_\w+", RULES.read_text()):
        assert name in known or re.sub("_(total|bucket|sum|count)$", "", name) in known, name
