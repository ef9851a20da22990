"""An S3 server that answers 500, throttles, hangs, closes connections, and all of it at once.

Renditions of one picture are put side by side, so some of them fail while others succeed or hang.
Processes are killed in the middle.

Guards: `retry` (a failure that may be temporary is tried again), `failed-writes` (a put that fails
in its thread fails its rendition).
"""

from tests.chaos.faults.kills import kill_one
from tests.chaos.proxy import Proxy
from tests.chaos.run import Chaos
from tests.chaos.service import Options

MODES = ("error", "throttle", "hang", "hang-up", "mixed")
KILLS = 2  # in each mode
_proxy = Proxy()


def options(*, short: bool, database: str) -> Options:
    """The S3 client sends each request once, so that only our own retries help."""
    return Options(
        workers=1 if short else 2,
        concurrency=1 if short else 2,
        reader=False,
        settings={
            "SOFT_TIME_LIMIT_S": 8,
            "HARD_TIME_LIMIT_S": 10,
            "LEASE_S": 12,
            "MAX_ATTEMPTS": 30,
            "BACKOFF_MAX_S": 1 if short else 2,
        },
        storage=_proxy.start(),
    )


def run(chaos: Chaos) -> None:
    """Make one trouble after the other. Only requests of workers fail."""
    _proxy.make_bucket()
    for mode in MODES:
        saved = [chaos.save(f"{mode}{number}.jpg") for number in range(chaos.size(12, 2))]
        _proxy.fail(mode, chaos.dice.uniform(0.1, 0.4))
        chaos.service.wait(lambda: _proxy.has_failed_one, 30, "a request fails")
        chaos.service.pause(chaos.size(4, 1))
        for picture in saved[::2]:
            picture.image.ppoi = (0.25, 0.75)
            picture.save()
        for _ in range(KILLS):
            chaos.service.pause(chaos.dice.uniform(0, chaos.size(2, 1) / KILLS))
            kill_one(chaos)
        _proxy.fail("", 0)
        chaos.settle()
        chaos.verdict.injected += _proxy.pop_injected()
