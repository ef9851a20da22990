"""The containers of docker-compose.yml."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.service.processes import CHECKOUT, clean

COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ["web", "worker", "beat", "migrate", "flower"]
STAYING = [name for name in SERVICES if name != "migrate"]


def test_old_and_new_clients_accept_the_file():
    """docker-compose 1.29 and v2 know every key of the file."""
    own = {key for key in COMPOSE if not key.startswith("x-")}

    # 1.29 takes no `name`, v2 warns of `version`.
    assert own == {"services", "volumes"}
    assert not {"develop", "include"} & {key for service in SERVICES.values() for key in service}
    for service in SERVICES.values():
        assert "start_interval" not in service.get("healthcheck", {})
        assert all("required" not in need for need in service.get("depends_on", {}).values())


@pytest.mark.parametrize("client", [["docker-compose"], ["docker", "compose"]], ids=" ".join)
def test_a_client_reads_the_file(client: list[str], tmp_path: Path):
    """A client that is installed here accepts the file with the variables of .env.example."""
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
        env=clean(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert read.returncode == 0, read.stderr
    assert set(yaml.safe_load(read.stdout)["services"]) >= {"web", "worker", "beat"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_runs_as_root(name: str):
    """Each container runs as an ordinary user and cannot gain privileges."""
    user = str(SERVICES[name]["user"])

    assert user.split(":")[0] not in {"0", "root"}
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", STAYING)
def test_every_container_has_a_health_check(name: str):
    """Each container that keeps running has a health check."""
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ["web", "worker", "beat", "flower"])
def test_containers_start_after_their_servers(name: str):
    """Our containers start after the servers answer and the migrations have run."""
    needs = {need: how["condition"] for need, how in SERVICES[name]["depends_on"].items()}

    assert needs == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "broker": "service_healthy",
        "cache": "service_healthy",
    }


def test_migrations_run_once():
    """One container runs the migrations and then ends."""
    assert SERVICES["migrate"]["restart"] == "no"
    assert "migrate" in SERVICES["migrate"]["command"]


def test_workers_stop_gracefully():
    """A worker is stopped with SIGQUIT and has enough time to hand back its jobs."""
    from workers.conf import CELERY

    assert SERVICES["worker"]["stop_signal"] == "SIGQUIT"
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > CELERY["worker_soft_shutdown_timeout"]


def seconds(text: str) -> int:
    """Return the number of a duration; all durations of the file are in seconds."""
    return int(text.removesuffix("s"))


def test_workers_take_uploads_before_bulk_runs():
    """A worker takes messages of uploads before those of bulk runs."""
    from workers.conf import BULK_QUEUE, QUEUE

    assert f"--queues {QUEUE},{BULK_QUEUE}" in SERVICES["worker"]["command"]


def test_broker_keeps_and_cache_evicts():
    """The broker keeps every message, also after a restart; the cache may evict."""
    broker, cache = SERVICES["broker"]["command"], SERVICES["cache"]["command"]
    variables = SERVICES["web"]["environment"]

    assert "--appendonly yes" in broker
    assert "--maxmemory-policy noeviction" in broker
    assert SERVICES["broker"]["volumes"] == ["broker:/data"]
    assert "--maxmemory-policy allkeys-lru" in cache
    assert "//broker:" in variables["BROKER_URL"]
    assert "//cache:" in variables["CACHE_URL"]


def test_flower_is_optional():
    """Flower runs only with its profile."""
    assert SERVICES["flower"]["profiles"] == ["flower"]
    assert [name for name in SERVICES if "profiles" in SERVICES[name]] == ["flower"]


def test_only_this_machine_reaches_it():
    """By default, no port is published to the network."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published == ["${PUBLISH:-127.0.0.1:8000}:8000", "127.0.0.1:5555:5555"]


def test_image_holds_no_secret():
    """Only listed files are copied into the image, which runs as an ordinary user."""
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    dockerfile = (CHECKOUT / "Dockerfile").read_text()

    assert ignored[0] == "*"
    assert not {"!.env", "!var", "!.git"} & set(ignored)
    assert "\nUSER 10001:10001\n" in dockerfile
    assert all(SERVICES[name]["user"] == "10001:10001" for name in OURS)
