"""A bulk run over what is current, on disk."""

from ..environment import SMALL, Environment
from ..pictures import made
from ..walks import end, walk

COUNT, QUICK_COUNT = 1000, 5
ROUNDS = 5


def measure(environment: Environment) -> dict[str, object]:
    """Look at photos of which everything is made; the fastest of several runs counts."""
    made(QUICK_COUNT if environment.quick else COUNT)
    walks = []
    for _ in range(1 if environment.quick else ROUNDS):
        walks.append(walk())
        assert walks[-1].run.current == walks[-1].run.planned > 0, walks[-1].run.counts
        end(walks[-1].run)
    renditions = walks[0].run.current * len(SMALL)
    return {
        "per_cpu_s": renditions / min(found.cpu_s for found in walks),
        "per_s": renditions / min(found.wall_s for found in walks),
        "instances": walks[0].run.current,
    }
