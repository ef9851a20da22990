"""Many requests for one file, in several processes."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import psutil

from renditions.planning.keys import RenditionKey
from tests.service.waiting import wait_for
from tests.smoke.filters import ORDINARY

WATCHED = RenditionKey.parse("filters__watched__thumbnail__64x64")
REQUESTS = 50


def url(person) -> str:
    """Return the URL of the rendition whose making is counted."""
    return person.headshot.storage.url(person.headshot.plan(WATCHED).path)


def connected(web) -> int:
    """Return how many requests the web server has accepted and not answered."""
    return sum(
        connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == web.port
        for process in web.process.tree()
        for connection in process.net_connections("tcp")
    )


def test_fifty_simultaneous_requests_render_once(web, save, hold, rendered):
    """All are answered with the same file, which one process has made once."""
    person = save()
    with ThreadPoolExecutor(REQUESTS) as pool:
        answers = [pool.submit(web.get, url(person)) for _ in range(REQUESTS)]
        wait_for(lambda: rendered() and connected(web) >= REQUESTS, 20, "all requests wait")
        hold.unlink()
        found = [answer.result() for answer in answers]

    assert [answer.status_code for answer in found] == [200] * REQUESTS
    assert len({answer.content for answer in found}) == 1
    assert len(rendered()) == 1


def test_requests_for_many_files_are_made_few_at_once(web, save, hold, rendered):
    """No more than ON_REQUEST_AT_ONCE are made at the same time, and then all are."""
    people = [save(name=f"{number}.jpg") for number in range(8)]
    with ThreadPoolExecutor(len(people)) as pool:
        answers = [pool.submit(web.get, url(person)) for person in people]
        wait_for(lambda: connected(web) >= len(people), 20, "all requests wait")
        wait_for(lambda: len(rendered()) == 2, 20, "two are made")
        hold.unlink()
        found = [answer.result() for answer in answers]

    assert [answer.status_code for answer in found] == [200] * len(people)
    assert len(rendered()) == len(people)


def test_a_killed_process_stops_nobody_for_long(web, save, hold, rendered, environment):
    """Its entry in the cache expires; here a test ends this time at once."""
    person = save()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(web.get, url(person))
        wait_for(rendered, 20, "the rendition is begun")
        os.kill(rendered()[0], signal.SIGKILL)
        assert answer.exception(20) is not None
    hold.unlink()
    assert len(rendered()) == 1

    from django.core.cache import caches

    flights = caches["default"]._cache.get_client(None)
    keys = flights.keys("*rendition-*")
    assert len(keys) == 2
    assert all(0 < flights.ttl(key) <= 60 for key in keys)
    for key in keys:
        flights.pexpire(key, 500)

    assert web.get(url(person)).status_code == 200
    assert len(rendered()) == 2


def test_a_made_file_is_not_made_again(web, save, rendered):
    """Later requests only read it."""
    person = save(ORDINARY)
    found = {web.get(url(person)).content for _ in range(4)}

    assert len(found) == 1
    assert len(rendered()) == 1
