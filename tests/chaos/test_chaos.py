"""A short run of each fault. `make chaos` runs them in full.

They run at the same time, because each waits most of its time.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from .__main__ import run_apart
from .run import FAULTS, Verdict

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="the harness uses /proc and prctl"),
]

AT_ONCE = 4
SEED = 1
# The longest first, so that it does not run alone at the end.
ORDER = ("poison", *(fault for fault in FAULTS if fault != "poison"))


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Verdict]]]:
    """The runs of all selected tests, started at once."""
    wanted = {item.callspec.params["fault"] for item in request.session.items if _is_ours(item)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            fault: pool.submit(run_apart, fault, "sqlite", SEED, ["--short"])
            for fault in ORDER
            if fault in wanted
        }
        pool.shutdown(cancel_futures=True)


def _is_ours(item: pytest.Item) -> bool:
    return item.path.name == "test_chaos.py" and "fault" in getattr(item, "callspec", item).params


@pytest.mark.parametrize("fault", ORDER)
def test_nothing_is_lost(fault, runs):
    """Under each fault every picture is rendered once, or fails with a reason."""
    verdict = runs[fault].result()

    assert verdict.injected
    assert verdict.is_clean, verdict
