"""What a job costs beyond rendering and publishing: files on disk, records in Valkey."""

from functools import partial

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from workers.ledger import Hint
from workers.worker import run_job

from .. import cache
from ..app.models import Photo
from ..environment import Environment
from ..pictures import FOLDER, Pairs, compared, cpu_ms, hint_of, picture, saved, warm

ROUNDS, QUICK_ROUNDS = 80, 3


def measure(environment: Environment) -> dict[str, object]:
    """Run jobs, and between them `warm()` with records in memory and without a job."""
    content = picture()
    pairs: Pairs = []
    for number in range(QUICK_ROUNDS if environment.quick else ROUNDS):
        hint, photo = _hint(content, number), _unsaved(content, number)
        job = cpu_ms(partial(run_job, hint, "task", "worker"))
        with cache.in_memory():
            pairs.append((job, cpu_ms(partial(warm, photo))))
    hint = _hint(content, -1)
    cache.calls.clear()
    with CaptureQueriesContext(connection) as queries:
        run_job(hint, "task", "worker")
    return {
        **compared("cpu_ms", pairs[1:]),
        "queries": len(queries),
        "statements": [query["sql"][:100] for query in queries],
        "cache_calls": cache.calls.total(),
    }


def _hint(content: bytes, number: int) -> Hint:
    return hint_of(saved(content, f"job-{number}.jpg"))


def _unsaved(content: bytes, number: int) -> Photo:
    """Return a photo without a row, so the ledger is not asked for it."""
    name = default_storage.save(f"{FOLDER}/bare-{number}.jpg", ContentFile(content))
    return Photo(image=name)
