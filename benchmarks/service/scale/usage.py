"""The CPU time of everything that takes part in a job."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Self

import psutil
from django.core.cache import cache
from django.db import connection

from ..object_store import pid_of


class CpuTimes(dict[str, float]):
    """Seconds by part of the service."""

    @classmethod
    def of(cls, worker_pid: int, store_url: str) -> Self:
        """Return what each part has used so far."""
        worker = psutil.Process(worker_pid)
        found = cls(
            {
                "worker processes": _seconds(worker.children(recursive=True)),
                "worker's main process": _seconds([worker]),
                "PostgreSQL": _seconds(_server_processes()),
                "Valkey": _seconds([psutil.Process(_valkey_pid())]),
            }
        )
        if store_url:
            found["object store"] = _seconds([psutil.Process(pid_of(store_url))])
        return found

    def minus(self, before: Self) -> "CpuTimes":
        return CpuTimes({name: seconds - before[name] for name, seconds in self.items()})


def _seconds(processes: Iterable[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system
    return total


def _server_processes() -> list[psutil.Process]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    ours = psutil.Process(pid)
    main = ours.parent()
    assert main is not None
    return [main, *(each for each in main.children() if each != ours)]


def _valkey_pid() -> int:
    client = cache._cache.get_client()  # noqa: SLF001
    return int(client.info("server")["process_id"])
