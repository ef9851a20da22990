"""An S3 server that answers 500, throttles, hangs, and closes connections.

Guard: `retry` (a failure that may be temporary is tried again).
"""

from tests.chaos.proxy import Proxy
from tests.chaos.run import Chaos
from tests.chaos.service import Options

MODES = ("error", "throttle", "hang", "hang-up")
_proxy = Proxy()


def options(*, short: bool, database: str) -> Options:
    """The S3 client sends each request once, so that only our own retries help."""
    return Options(
        workers=1 if short else 2,
        concurrency=1 if short else 2,
        reader=False,
        settings={"MAX_ATTEMPTS": 15, "BACKOFF_MAX_S": 1 if short else 2},
        storage={
            "BACKEND": "tests.chaos.app.storages.ImpatientS3Storage",
            "OPTIONS": {
                "bucket_name": "media",
                "endpoint_url": _proxy.start(),
                "access_key": "a",
                "secret_key": "b",
                "region_name": "us-east-1",
                "file_overwrite": True,
            },
        },
    )


def run(chaos: Chaos) -> None:
    """Make one trouble after the other. Only requests of workers fail."""
    _proxy.make_bucket("media")
    for mode in MODES:
        saved = [chaos.save(f"{mode}{number}.jpg") for number in range(chaos.size(12, 2))]
        _proxy.fail(mode, chaos.dice.uniform(0.1, 0.4))
        chaos.service.wait(lambda: _proxy.has_failed_one, 30, "a request fails")
        chaos.service.pause(chaos.size(4, 1))
        for picture in saved[::2]:
            picture.image.ppoi = (0.25, 0.75)
            picture.save()
        chaos.service.pause(chaos.size(2, 1))
        _proxy.fail("", 0)
        chaos.settle()
        chaos.verdict.injected += _proxy.pop_injected()
