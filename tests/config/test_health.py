"""/health/ and /health/ready/, while each part of a real service is taken away and given back."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service import commands
from tests.service.installation import Installation, web_server
from tests.service.processes import CHECKOUT, PYTHON, Process, logged
from tests.service.servers import Valkey, postgres, short_folder, unused_port
from tests.service.waiting import wait_for

pytestmark = pytest.mark.smoke

PASSWORD = "s3cret"
PARTS = {
    *("database", "migrations", "cache", "ledger", "broker", "beat", "sweep"),
    *("worker:renditions", "worker:renditions.bulk"),
}


@dataclass
class Service:
    """All processes of the service."""

    web: Installation
    broker: Valkey
    cache: Valkey
    worker: Process
    beat: Process

    def unready(self) -> dict[str, str]:
        """Return the reasons of the parts that are not ready."""
        answer = self.web.get("health/ready/")
        document = answer.json()
        assert answer.status_code == (200 if document["ready"] else 503)
        parts = document["parts"]
        assert document["ready"] == all(part["ready"] for part in parts.values())
        return {name: part["reason"] for name, part in parts.items() if not part["ready"]}

    def run(self, code: str) -> None:
        """Run `code` in the installation."""
        command = [PYTHON, "manage.py", "shell", "-v0", "-c", code]
        subprocess.run(
            command, cwd=CHECKOUT, env=self.web.environment, check=True, capture_output=True
        )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of which every part runs."""
    folder = tmp_path_factory.mktemp("health")
    with ExitStack() as stack:
        short = stack.enter_context(short_folder())
        broker = stack.enter_context(Valkey(short, name="broker")).wait_until_ready()
        cache = stack.enter_context(Valkey(short, name="cache")).wait_until_ready()
        web = stack.enter_context(web_server(folder, broker.broker_url(0), cache.cache_url(0)))
        worker = Process(
            commands.worker("config", "w@h", "--pool", "solo", checks=False),
            folder / "worker.log",
            environment=web.environment,
            is_ready=logged(commands.WORKER_READY),
        )
        beat = Process(
            commands.beat("config", str(folder / "schedule")),
            folder / "beat.log",
            environment=web.environment,
        )
        stack.enter_context(worker)
        stack.enter_context(beat)
        worker.wait_until_ready()
        yield Service(web, broker, cache, worker, beat)


@pytest.fixture
def ready(service: Service) -> Service:
    """The service, while every part is ready."""
    # Beat sends its first sweep after 30 s.
    wait_for(lambda: not service.unready(), 90, "all parts are ready", every_s=0.5)
    return service


def test_every_part_of_a_service_that_runs_is_ready(ready: Service):
    answer = ready.web.get("health/ready/")

    assert answer.status_code == 200
    assert set(answer.json()["parts"]) == PARTS
    assert answer.headers["Cache-Control"].startswith("max-age=0")
    assert ready.web.get("health/").text == "ok\n"


def test_a_service_without_its_cache_is_not_ready(ready: Service):
    """It lives: a restart of the web server would not help."""
    ready.cache.end()
    try:
        assert ready.unready() == {"cache": "The cache of the records does not answer."}
        assert ready.web.get("health/").status_code == 200
    finally:
        ready.cache.start()


def test_a_service_without_its_broker_is_not_ready(ready: Service):
    """It lives, and takes uploads."""
    ready.broker.end()
    try:
        assert ready.unready()["broker"] == "The broker does not answer."
        assert ready.web.get("health/").status_code == 200
    finally:
        ready.broker.start()


def test_a_service_without_a_worker_is_not_ready(ready: Service):
    ready.worker.end()
    try:
        assert ready.unready() == {
            f"worker:{queue}": f"No worker consumes the queue {queue}."
            for queue in ("renditions", "renditions.bulk")
        }
    finally:
        ready.worker.start()


def test_a_service_without_beat_is_not_ready(ready: Service):
    """After ten minutes: the test only moves the times of the last sweep and the last beat."""
    ready.beat.end()
    try:
        age = "from workers.models import Heartbeat as H; from datetime import timedelta as t; "
        age += "from django.db.models.functions import Now; "
        ready.run(f"{age} H.objects.update(beaten_at=Now() - t(minutes=11))")
        assert ready.unready() == {"beat": "Beat does not run.", "sweep": "Beat does not run."}
        # Beat runs, and no worker has run its sweep.
        ready.run(f"{age} H.objects.filter(name='beat').update(beaten_at=Now())")
        assert ready.unready() == {"sweep": "Beat sends sweeps, and no worker runs them."}
    finally:
        ready.beat.start()


def test_a_service_with_a_migration_that_was_not_applied_is_not_ready(ready: Service):
    forget = "from django.db.migrations.recorder import MigrationRecorder as R; "
    forget += "from django.db import connection as c; "
    ready.run(f"{forget} R(c).record_unapplied('gallery', '0001_initial')")
    try:
        assert ready.unready() == {"migrations": "Not applied to 'default': gallery.0001_initial."}
    finally:
        ready.run(f"{forget} R(c).record_applied('gallery', '0001_initial')")


def test_a_web_server_whose_database_went_away_neither_lives_nor_is_ready(tmp_path: Path):
    """It is noticed at once, although the connection was open, and no answer has a password."""
    with ExitStack() as stack:
        database = ExitStack()
        stack.enter_context(database)
        address: dict[str, Any] = database.enter_context(postgres())
        url = f"postgres://postgres:{PASSWORD}@/postgres?host={address['HOST']}"
        nowhere = f"redis://:{PASSWORD}@127.0.0.1:{unused_port()}"
        web = stack.enter_context(
            web_server(tmp_path, f"{nowhere}/0", f"{nowhere}/1", DATABASE_URL=url)
        )
        before = web.get("health/ready/")
        assert before.json()["parts"]["database"]["ready"]
        assert not before.json()["parts"]["broker"]["ready"]

        database.close()

        live, ready = web.get("health/"), web.get("health/ready/")
        assert (live.status_code, live.text) == (503, "The database does not answer.\n")
        assert ready.status_code == 503
        assert ready.json()["parts"]["database"] == {
            "ready": False,
            "reason": "The database 'default' does not answer.",
        }
        for answer in (before, live, ready):
            assert PASSWORD not in answer.text
            assert address["HOST"] not in answer.text
        # One line in the log, and not one of Django's for each probe.
        web.get("health/")
        assert web.process.output().count("The database 'default' does not answer") == 1
        assert "Service Unavailable" not in web.process.output()


def test_neither_asks_for_a_redirect_to_https(tmp_path: Path):
    """A probe speaks plain HTTP to the process, and not to the proxy."""
    with web_server(tmp_path, HTTPS="1") as web:
        assert web.get("health/", allow_redirects=False).status_code == 200
        assert web.get("health/ready/", allow_redirects=False).status_code == 503
        assert web.get("", allow_redirects=False).status_code == 301
