"""A bulk run over what is current, on an object store whose requests take time."""

from django.core.files.storage import default_storage

from ..environment import SMALL, Environment
from ..object_store import requests_of, reset
from ..pictures import made
from ..walks import end, walk

COUNT, QUICK_COUNT = 400, 5
ROUNDS = 3


def measure(environment: Environment) -> dict[str, object]:
    """Look at photos of which everything is made; the fastest of several runs counts."""
    made(QUICK_COUNT if environment.quick else COUNT)
    default_storage.exists("connect")
    walks = []
    for _ in range(1 if environment.quick else ROUNDS):
        reset(environment.store_url, environment.delay_ms)
        walks.append(walk())
        requests = requests_of(environment.store_url)
        assert walks[-1].run.current == walks[-1].run.planned > 0, walks[-1].run.counts
        end(walks[-1].run)
    reset(environment.store_url)
    found = min(walks, key=lambda walk: walk.wall_s)
    renditions = found.run.current * len(SMALL)
    return {
        "per_s": renditions / found.wall_s,
        "per_cpu_s": renditions / found.cpu_s,
        "requests": sum(requests.values()) / renditions,
        "kinds": requests,
        "instances": found.run.current,
    }
