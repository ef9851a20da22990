"""What must hold of the containers, wherever they run."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import CHECKOUT, environment

COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ["web", "worker", "beat", "migrate", "flower"]
STAYING = [name for name in SERVICES if name != "migrate"]


def test_file_fits_both_generations():
    """Neither docker-compose 1.29 nor v2 finds a key that it does not know."""
    own = {key for key in COMPOSE if not key.startswith("x-")}

    # 1.29 takes no `name`, v2 warns of `version`.
    assert own == {"services", "volumes"}
    assert not {"develop", "include"} & {key for service in SERVICES.values() for key in service}
    for service in SERVICES.values():
        assert "start_interval" not in service.get("healthcheck", {})
        assert all("required" not in need for need in service.get("depends_on", {}).values())


@pytest.mark.parametrize("client", [["docker-compose"], ["docker", "compose"]], ids=" ".join)
def test_a_client_reads_the_file(client: list[str], tmp_path: Path):
    """A client that is installed here takes the file with the example's variables."""
    if (
        not shutil.which(client[0])
        or subprocess.run([*client, "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"There is no {' '.join(client)} here.")
    filled = (CHECKOUT / ".env.example").read_text()
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        filled = filled.replace(f"{name}=\n", f"{name}=x\n")
    (tmp_path / "env").write_text(filled)

    read = subprocess.run(
        [*client, "--env-file", str(tmp_path / "env"), "config"],
        cwd=CHECKOUT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert read.returncode == 0, read.stderr
    assert set(yaml.safe_load(read.stdout)["services"]) >= {"web", "worker", "beat"}


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_is_root(name: str):
    """Each container runs as a user of its own, and can become nobody else."""
    user = str(SERVICES[name]["user"])

    assert user.split(":")[0] not in {"0", "root"}
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", STAYING)
def test_health_is_looked_at(name: str):
    """Each container that stays says whether it works."""
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ["web", "worker", "beat", "flower"])
def test_starting_waits_for_what_is_needed(name: str):
    """Nothing of ours starts before the tables are there and the servers answer."""
    needs = {need: how["condition"] for need, how in SERVICES[name]["depends_on"].items()}

    assert needs == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "broker": "service_healthy",
        "cache": "service_healthy",
    }


def test_migrations_run_once():
    """The tables are made by a container that ends."""
    assert SERVICES["migrate"]["restart"] == "no"
    assert "migrate" in SERVICES["migrate"]["command"]


def test_workers_stop_gracefully():
    """A worker is asked softly, and has longer than it needs to hand back its jobs."""
    from workers.conf import CELERY

    assert SERVICES["worker"]["stop_signal"] == "SIGQUIT"
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > CELERY["worker_soft_shutdown_timeout"]


def seconds(text: str) -> int:
    """Return a duration of the file, which are all in seconds."""
    return int(text.removesuffix("s"))


def test_workers_drain_uploads_first():
    """The queue of uploads stands before that of bulk runs."""
    from workers.conf import BULK_QUEUE, QUEUE

    assert f"--queues {QUEUE},{BULK_QUEUE}" in SERVICES["worker"]["command"]


def test_broker_keeps_and_cache_forgets():
    """Two servers: one refuses what it cannot keep and finds it again, one may forget."""
    broker, cache = SERVICES["broker"]["command"], SERVICES["cache"]["command"]
    variables = SERVICES["web"]["environment"]

    assert "--appendonly yes" in broker
    assert "--maxmemory-policy noeviction" in broker
    assert SERVICES["broker"]["volumes"] == ["broker:/data"]
    assert "--maxmemory-policy allkeys-lru" in cache
    assert "//broker:" in variables["BROKER_URL"]
    assert "//cache:" in variables["CACHE_URL"]


def test_flower_is_asked_for():
    """Flower runs only where its profile is named."""
    assert SERVICES["flower"]["profiles"] == ["flower"]
    assert [name for name in SERVICES if "profiles" in SERVICES[name]] == ["flower"]


def test_only_this_machine_reaches_it():
    """No port is published to the network unless somebody says so."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published == ["${PUBLISH:-127.0.0.1:8000}:8000", "127.0.0.1:5555:5555"]


def test_image_holds_no_secret():
    """The image is built from a list of what belongs into it, and runs without root."""
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    dockerfile = (CHECKOUT / "Dockerfile").read_text()

    assert ignored[0] == "*"
    assert not {"!.env", "!var", "!.git"} & set(ignored)
    assert "\nUSER 10001:10001\n" in dockerfile
    assert all(SERVICES[name]["user"] == "10001:10001" for name in OURS)
