"""What an operator waits for, with a very large ledger: pages, the shell, and what probes ask."""

import io
from collections.abc import Callable
from functools import partial
from statistics import median

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from workers.models import RunState, WarmRun

from ..environment import Environment
from ..full_ledger import fill
from ..pictures import wall_ms

ROUNDS, QUICK_ROUNDS = 9, 2
ADMIN = "/admin/rendition_workers"


def measure(environment: Environment) -> dict[str, object]:
    """Ask for each page several times; the connection is open, as in a server that runs."""
    fill(environment.rows)
    rounds = QUICK_ROUNDS if environment.quick else ROUNDS
    found: dict[str, object] = {}
    for name, step in _steps().items():
        with CaptureQueriesContext(connection) as queries:
            found[f"{name}_first_ms"] = wall_ms(step)
        found[f"{name}_queries"] = len(queries)
        found[f"{name}_ms"] = median(wall_ms(step) for _ in range(rounds))
    return found


def _steps() -> dict[str, Callable[[], object]]:
    run = WarmRun.objects.get(state=RunState.RUNNING)
    jobs = f"{ADMIN}/warmjob/"
    addresses = {
        "overview": f"{ADMIN}/overview/",
        "part": f"{ADMIN}/overview/part/",
        "jobs": jobs,
        "failed_jobs": f"{jobs}?state__exact=failed&model_label=app.Cover&kind=storage",
        "old_jobs": f"{jobs}?age=day",
        "failures": f"{jobs}failures/",
        "run": f"{ADMIN}/warmrun/{run.pk}/change/",
        "metrics": "/metrics",
        "ready": "/health/ready/",
    }
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("admin"))
    steps: dict[str, Callable[[], object]] = {
        name: partial(_get, client, address) for name, address in addresses.items()
    }
    return {**steps, "status": _status}


def _get(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200, answer


def _status() -> None:
    call_command("renditions", "status", stdout=io.StringIO())
