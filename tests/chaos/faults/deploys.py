"""Deploys under load: workers are told to stop, and stop, and nobody waits for a time-out.

SIGTERM lets jobs in hand end; SIGQUIT (or SIGTERM with REMAP_SIGTERM=SIGQUIT) gives them 10 s and
then cuts them off. The lease of this run is a minute: whoever waits for it is found out.

Guard: `hand-over` (a worker that ends frees its leases; without it a job that was cut off waits).
"""

import signal
import time

from tests.chaos import witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

STOPS_WITHIN_S = 15
LEASE_S = 60


def options(*, short: bool, database: str) -> Options:
    """Leases and limits longer than anything that happens here."""
    times = {"SOFT_TIME_LIMIT_S": 45, "HARD_TIME_LIMIT_S": 50, "LEASE_S": LEASE_S}
    soft_s = 2 if short else 10
    return Options(
        workers=1 if short else 2,
        settings=times,
        celery={"worker_soft_shutdown_timeout": soft_s},
    )


def run(chaos: Chaos) -> None:
    """Stop one worker after the other, the way each way of deploying does."""
    for _ in range(chaos.size(6, 1)):
        chaos.save_many(chaos.size(25, 10))
        chaos.service.pause(chaos.dice.uniform(0, 0.5))
        _stop(chaos, signal.SIGTERM)
    chaos.settle(LEASE_S / 2)
    for _ in range(1):
        _cut_off_a_slow_job(chaos)
    chaos.expect(chaos.verdict.recovery_s < LEASE_S / 2, "nothing waits for a time-out")


def _stop(chaos: Chaos, number: signal.Signals) -> None:
    worker = chaos.dice.choice(chaos.service.workers)
    # Its successor starts when it has ended, as in any supervisor.
    took = worker.end(number, 60)
    chaos.service.bring_back(worker)
    chaos.verdict.injected += 1
    chaos.expect(took < STOPS_WITHIN_S, f"{number.name} stops a worker in {took:.1f} s")


def _cut_off_a_slow_job(chaos: Chaos) -> None:
    chaos.trouble(open={"delay_s": 40, "only": "slow"})
    slow = chaos.save("slow.jpg")

    def busy() -> list[int]:
        events = witness.read(chaos.place.witness)
        return [e["pid"] for e in events if e.get("pk") == str(slow.pk) and e["what"] == "begin"]

    chaos.service.wait(busy, 20, "the slow job is begun")
    child = busy()[-1]
    worker = next(each for each in chaos.service.workers if child in each.children())
    chaos.save_many(chaos.size(20, 6))
    chaos.trouble()
    took = worker.end(signal.SIGQUIT, 60)
    since = time.monotonic()
    chaos.service.bring_back(worker)
    chaos.verdict.injected += 1
    chaos.expect(took < STOPS_WITHIN_S, f"SIGQUIT stops a worker in {took:.1f} s")
    chaos.settle(LEASE_S + 20)
    chaos.expect(time.monotonic() - since < LEASE_S / 2, "a job that was cut off waits for nothing")
