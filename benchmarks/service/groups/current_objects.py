"""A bulk run over what is current, on an object store whose requests take time."""

from django.core.files.storage import default_storage

from ..environment import SMALL, Environment
from ..object_store import requests_of, reset
from ..pictures import made
from ..walks import walk

COUNT, QUICK_COUNT = 400, 5


def measure(environment: Environment) -> dict[str, object]:
    """Look at photos of which everything is made."""
    made(QUICK_COUNT if environment.quick else COUNT)
    default_storage.exists("connect")
    reset(environment.store_url, environment.delay_ms)
    found = walk()
    requests = requests_of(environment.store_url)
    reset(environment.store_url)
    assert found.run.current == found.run.planned > 0, found.run.counts
    renditions = found.run.current * len(SMALL)
    return {
        "per_s": renditions / found.wall_s,
        "per_cpu_s": renditions / found.cpu_s,
        "requests": sum(requests.values()) / renditions,
        "kinds": requests,
        "instances": found.run.current,
    }
