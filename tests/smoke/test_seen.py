"""What a page or a probe sees of real workers and of a real beat."""

import pytest

from tests.service.nodes import Beat, Worker
from tests.service.processes import START_S
from tests.service.waiting import wait_for
from workers import snapshot
from workers.alarms import alarms

pytestmark = pytest.mark.smoke


def test_workers_and_beat_are_seen(worker: Worker, beat: Beat, start_another):
    """A worker that is stopped is forgotten; one that is killed stays, and is missed later."""
    another = start_another()
    names = ["another@smoke", "first@smoke"]

    def seen() -> list[str]:
        return [each.name for each in snapshot.take().living]

    wait_for(lambda: seen() == names, START_S, "both workers are seen")
    now = wait_for(
        lambda: (found := snapshot.take()).last_beat_s is not None and found,
        START_S,
        "beat has said that it runs",
    )
    assert [queue for queue, _ in now.queues] == ["renditions", "renditions.bulk"]
    assert now.consumers("renditions") == now.consumers("renditions.bulk") == 2
    assert {each.processes for each in now.workers} == {2}
    wait_for(lambda: alarms(snapshot.take()) == [], START_S, "nothing needs a hand")

    another.end("SIGTERM")
    wait_for(lambda: seen() == names[1:], START_S, "the worker that was stopped is forgotten")
    worker.end("SIGKILL")
    assert seen() == names[1:]
