"""The fault `deletions` on an S3 server that fails, and where an upload may overwrite a file.

Guards: those of `deletions`.
"""

from tests.chaos.faults.deletions import (
    SETTINGS,
    SETTLES_S,
    change_without_broker,
    delete_slowly_made,
)
from tests.chaos.proxy import PROMPT_TROUBLES, Proxy
from tests.chaos.run import Chaos
from tests.chaos.service import Options

MODES = (*PROMPT_TROUBLES, "mixed")
# Not `hang`: a name is used again at once here. A server that carries out a request long after its
# client has given up may delete the new file.
_proxy = Proxy(PROMPT_TROUBLES)


def options(*, short: bool, database: str) -> Options:
    """The S3 client sends each request once, so that only our own retries help."""
    return Options(
        workers=1 if short else 2,
        concurrency=3,
        reader=False,
        settings=SETTINGS,
        storage=_proxy.start(),
        hooks=("short-waits",),
    )


def run(chaos: Chaos) -> None:
    """Change pictures in the middle of one trouble after the other."""
    from tests.chaos import leftovers
    from tests.chaos.gallery import Gallery

    _proxy.make_bucket()
    gallery = Gallery(chaos)
    gallery.fill(chaos.size(500, 30))
    rounds = chaos.size(8, 1)
    for mode in MODES:
        _proxy.fail(mode, chaos.dice.uniform(0.1, 0.3))
        gallery.change(rounds)
    _proxy.fail("", 0)
    chaos.verdict.injected += _proxy.pop_injected()
    change_without_broker(chaos, gallery, rounds)
    delete_slowly_made(chaos, gallery, chaos.size(12, 3))
    gallery.finish()
    chaos.settle(SETTLES_S)
    leftovers.judge(chaos, gallery)
