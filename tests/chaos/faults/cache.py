"""The cache is cleared, evicts, hangs, and is down, all while pictures are saved.

Pages always render. The admin lists failed pictures with their reasons, because the ledger has
them; after a repair and a retry their renditions are made.

Guard: `forgetful-records` (a cache that does not answer is treated like an empty one).
"""

import signal
import time
from pathlib import Path

from django.core.files.base import ContentFile

from tests.chaos.browser import Browser, administrator
from tests.chaos.run import Chaos
from tests.chaos.service import Options

BROKEN = 3  # incomplete pictures


def options(*, short: bool, database: str) -> Options:
    """As in production, with a web server."""
    return Options(workers=1 if short else 2, web=True)


def run(chaos: Chaos) -> None:
    """Make one trouble after the other, and save pictures and ask for pages during each."""
    from tests.chaos.app.models import Picture

    browser = administrator(chaos.service.web_socket)
    broken = [_broken(chaos) for _ in range(BROKEN)]
    chaos.settle()
    for trouble in (_cleared, _evicting, _silent, _down):
        trouble(chaos, browser)
        chaos.verdict.injected += 1
        _failures_are_listed(chaos, browser)
    chaos.settle()
    for picture in broken:
        picture.image.storage.delete(picture.image.name)
        Path(picture.image.path).write_bytes(_whole(picture))
    _retry_all(browser)
    chaos.settle()
    from workers.models import WarmJob

    left = WarmJob.objects.count()
    chaos.expect(
        left == 0,
        f"a retry makes all renditions; {left} of {Picture.objects.count()} jobs are left",
    )


def _cleared(chaos: Chaos, browser: Browser) -> None:
    for _ in range(chaos.size(5, 2)):
        chaos.save_many(chaos.size(8, 4))
        chaos.service.cache.client().flushall()
        _pages_render(chaos, browser)


def _evicting(chaos: Chaos, browser: Browser) -> None:
    cache = chaos.service.cache.client()
    cache.config_set("maxmemory-policy", "allkeys-random")
    cache.config_set("maxmemory", cache.info("memory")["used_memory"] + 20_000)
    chaos.save_many(chaos.size(20, 5))
    _pages_render(chaos, browser)
    chaos.settle()
    cache.config_set("maxmemory", 0)


def _silent(chaos: Chaos, browser: Browser) -> None:
    chaos.service.cache.send(signal.SIGSTOP)
    chaos.save_many(2)
    _pages_render(chaos, browser)
    chaos.service.pause(2)
    chaos.service.cache.send(signal.SIGCONT)
    chaos.settle()


def _down(chaos: Chaos, browser: Browser) -> None:
    chaos.service.end(chaos.service.cache, signal.SIGKILL)
    chaos.save_many(chaos.size(15, 4))
    _pages_render(chaos, browser)
    chaos.settle()
    chaos.service.bring_back(chaos.service.cache)


def _pages_render(chaos: Chaos, browser: Browser) -> None:
    for _ in range(3 if chaos.short else 5):
        since = time.monotonic()
        answer = browser.get("/")
        chaos.expect(answer.status == 200, f"the page answers {answer.status}")
        chaos.expect(time.monotonic() - since < 30, "the page renders in time")
        # A hanging cache makes a page slow: one is enough then.
        if time.monotonic() - since > 1:
            return


def _failures_are_listed(chaos: Chaos, browser: Browser) -> None:
    page = browser.get("/admin/rendition_workers/warmjob/?state__exact=failed").text
    listed = page.count("The upload is incomplete")
    chaos.expect(listed >= BROKEN, "failures are listed with reasons")


def _retry_all(browser: Browser) -> None:
    from workers.models import WarmJob

    chosen = list(WarmJob.objects.values_list("pk", flat=True))
    data = {"action": "retry_failed", "_selected_action": chosen}
    browser.post("/admin/rendition_workers/warmjob/", data)


def _broken(chaos: Chaos):
    from tests.chaos.app.models import Picture

    picture = Picture(number=chaos.next_number())
    picture.image = ContentFile(_whole(picture)[:-700], name="broken.jpg")
    picture.save()
    return picture


def _whole(picture) -> bytes:
    from tests.chaos.pictures import drawn

    return drawn(picture.number)
