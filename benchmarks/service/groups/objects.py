"""A job and a save with an object store whose requests take time."""

from functools import partial
from statistics import median

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from workers.models import WarmJob
from workers.worker import run_job

from .. import cache
from ..app.models import MemoryPhoto, Photo, PlainPhoto
from ..environment import Environment
from ..object_store import requests_of, reset
from ..pictures import PHOTOGRAPH_PX, hint_of, picture, saved, wall_ms, warm

ROUNDS, QUICK_ROUNDS = 7, 2


def measure(environment: Environment) -> dict[str, object]:
    """Measure with names that are never taken twice, and with names that may be overwritten.

    The first is Django's own promise, and costs a request for each name. The second is the default
    of django-storages.
    """
    content = picture(PHOTOGRAPH_PX)
    default_storage.file_overwrite = True
    overwriting = _jobs(environment, content, "overwritten")
    default_storage.file_overwrite = False
    found = _jobs(environment, content, "new")
    return {
        **found,
        "overwriting_job_requests": overwriting["job_requests"],
        "overwriting_job_kinds": overwriting["job_kinds"],
        "overwriting_job_ms": overwriting["job_ms"],
        **_saves(environment, content),
    }


def _jobs(environment: Environment, content: bytes, prefix: str) -> dict[str, object]:
    """Run jobs of new uploads; render the same bytes in memory between them."""
    jobs, bare, requests, kinds = [], [], [], {}
    rounds = QUICK_ROUNDS if environment.quick else ROUNDS
    for number in range(rounds + 1):
        name = f"{prefix}-{environment.token}-{number}.jpg"
        hint = hint_of(saved(content, name))
        reset(environment.store_url, environment.delay_ms)
        took = wall_ms(partial(run_job, hint, "task", "worker"))
        kinds = requests_of(environment.store_url)
        reset(environment.store_url)
        rendering = wall_ms(partial(_rendered, content, name))
        # The first job of a process connects, and loads the codecs.
        if number:
            jobs.append(took)
            bare.append(rendering)
            requests.append(sum(kinds.values()))
    assert not WarmJob.objects.exists()
    return {
        "job_requests": median(requests),
        "job_kinds": kinds,
        "job_ms": median(jobs),
        "rendering_ms": median(bare),
        "job_beyond_ms": median(a - b for a, b in zip(jobs, bare, strict=True)),
    }


def _rendered(content: bytes, name: str) -> None:
    storage = MemoryPhoto._meta.get_field("image").storage
    name = storage.save(name, ContentFile(content))
    with cache.in_memory():
        warm(MemoryPhoto(image=name))


def _saves(environment: Environment, content: bytes) -> dict[str, object]:
    """Return the requests of a save with our field beyond those with Django's."""
    kinds = []
    for model in (Photo, PlainPhoto):
        reset(environment.store_url)
        model(title="saved", image=ContentFile(content, f"{environment.token}.jpg")).save()
        kinds.append(requests_of(environment.store_url))
    ours, plain = (sum(each.values()) for each in kinds)
    return {"save_requests": ours - plain, "save_kinds": kinds[0], "plain_save_kinds": kinds[1]}
