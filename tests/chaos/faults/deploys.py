"""Deploys under load: workers stop and start again, and no job waits for a time-out.

SIGTERM lets running jobs finish. SIGQUIT (or SIGTERM with REMAP_SIGTERM=SIGQUIT) gives them 10 s
and then cuts them off. The lease is a minute in this run, so a job that waits for its end is
noticed.

Guard: `hand-over` (a worker that ends releases its leases).
"""

import signal
import time

from tests.chaos import witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

STOPS_WITHIN_S = 15
LEASE_S = 60


def options(*, short: bool, database: str) -> Options:
    """Leases and time limits that are longer than the run needs."""
    times = {"SOFT_TIME_LIMIT_S": 45, "HARD_TIME_LIMIT_S": 50, "LEASE_S": LEASE_S}
    soft_s = 2 if short else 10
    return Options(
        workers=1 if short else 2,
        settings=times,
        celery={"worker_soft_shutdown_timeout": soft_s},
    )


def run(chaos: Chaos) -> None:
    """Stop workers with SIGTERM, then one with SIGQUIT while it runs a slow job."""
    for _ in range(chaos.size(6, 1)):
        chaos.save_many(chaos.size(25, 10))
        chaos.service.pause(chaos.dice.uniform(0, 0.5))
        _stop(chaos, signal.SIGTERM)
    chaos.settle(LEASE_S / 2)
    _cut_off_a_slow_job(chaos)
    chaos.expect(chaos.verdict.recovery_s < LEASE_S / 2, "no job waits for a time-out")


def _stop(chaos: Chaos, number: signal.Signals) -> None:
    """Stop a worker and start its successor, as a supervisor does."""
    worker = chaos.dice.choice(chaos.service.workers)
    took = chaos.service.end(worker, number, 60)
    chaos.service.bring_back(worker)
    chaos.verdict.injected += 1
    chaos.expect(took < STOPS_WITHIN_S, f"{number.name} stops a worker in {took:.1f} s")


def _cut_off_a_slow_job(chaos: Chaos) -> None:
    chaos.trouble(open={"delay_s": 40, "only": "slow"})
    slow = chaos.save("slow.jpg")

    def begun_by() -> list[int]:
        events = witness.read(chaos.environment.witness)
        return [e["pid"] for e in events if e.get("pk") == str(slow.pk) and e["what"] == "begin"]

    chaos.service.wait(begun_by, 20, "the slow job has begun")
    child = begun_by()[-1]
    worker = next(each for each in chaos.service.workers if child in each.children())
    chaos.save_many(chaos.size(20, 6))
    chaos.trouble()
    took = chaos.service.end(worker, signal.SIGQUIT, 60)
    since = time.monotonic()
    chaos.service.bring_back(worker)
    chaos.verdict.injected += 1
    chaos.expect(took < STOPS_WITHIN_S, f"SIGQUIT stops a worker in {took:.1f} s")
    chaos.settle(LEASE_S + 20)
    chaos.expect(
        time.monotonic() - since < LEASE_S / 2, "a job that was cut off is run again at once"
    )
