"""What a save costs beyond Django's own ImageField; the messages go to Valkey."""

from django.core.files.base import ContentFile
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from workers.worker import run_job

from .. import cache
from ..app.models import Photo, PlainPhoto
from ..environment import Environment
from ..pictures import compared, cpu_ms, hint_of, picture

ROUNDS, QUICK_ROUNDS = 200, 3


def measure(environment: Environment) -> dict[str, object]:
    """Save with our field and with Django's, one after the other."""
    rounds = QUICK_ROUNDS if environment.quick else ROUNDS
    content = picture()
    created = [
        tuple(_create(model, content, n) for model in (Photo, PlainPhoto)) for n in range(rounds)
    ]
    photo, plain = Photo.objects.latest("pk"), PlainPhoto.objects.latest("pk")
    run_job(hint_of(photo), "task", "worker")
    saved = [tuple(_save_again(one, n) for one in (photo, plain)) for n in range(rounds)]
    return {
        **compared("save_ms", created[1:]),
        **compared("resave_ms", saved[1:]),
        **_counted(photo, plain, content),
    }


def _create(model: type[models.Model], content: bytes, number: int) -> float:
    name = f"{number}.jpg"
    return cpu_ms(model(title=name, image=ContentFile(content, name)).save)


def _save_again(one: models.Model, number: int) -> float:
    # As a request does it: load the row, change it, save it.
    loaded = type(one)._default_manager.get(pk=one.pk)
    loaded.title = f"again {number}"
    return cpu_ms(loaded.save)


def _counted(photo: Photo, plain: PlainPhoto, content: bytes) -> dict[str, int]:
    found = {}
    for name, model, one in (("", Photo, photo), ("plain_", PlainPhoto, plain)):
        cache.calls.clear()
        with CaptureQueriesContext(connection) as queries:
            _create(model, content, -1)
        found[f"{name}save_queries"] = len(queries)
        found[f"{name}save_cache_calls"] = cache.calls.total()
        loaded = type(one)._default_manager.get(pk=one.pk)
        cache.calls.clear()
        with CaptureQueriesContext(connection) as queries:
            loaded.save()
        found[f"{name}resave_queries"] = len(queries)
        found[f"{name}resave_cache_calls"] = cache.calls.total()
    return found
