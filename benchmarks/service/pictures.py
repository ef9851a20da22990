"""Pictures to save, and the pairs of measurements that are compared."""

import time
from collections.abc import Callable
from io import BytesIO
from statistics import median

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models
from PIL import Image

from renditions.image_warmer import VersatileImageFieldWarmer
from workers.ledger import Hint
from workers.models import WarmJob

from .app.models import Photo
from .environment import Environment

PICTURE_PX = 320, 240
PHOTOGRAPH_PX = 2400, 1600
FOLDER = "photos"


def picture(size: tuple[int, int] = PICTURE_PX) -> bytes:
    """Return a JPEG with detail everywhere."""
    noise = Image.effect_noise((size[0] // 8, size[1] // 8), 90).resize(
        size, Image.Resampling.BICUBIC
    )
    channels = (noise, noise.transpose(Image.Transpose.FLIP_LEFT_RIGHT), noise.rotate(180))
    buffer = BytesIO()
    Image.merge("RGB", channels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def saved(content: bytes, name: str) -> Photo:
    """Return a new photo; its job is on the ledger."""
    photo = Photo(title=name, image=ContentFile(content, name))
    photo.save()
    return photo


def hint_of(photo: Photo) -> Hint:
    """Return the content of the message about the job of `photo`."""
    job = WarmJob.objects.get(object_pk=str(photo.pk))
    return Hint("default", job.pk, job.generation)


def warm(photo: models.Model) -> None:
    """Make all renditions of `photo` with the synchronous warmer: no ledger and no worker."""
    keys = Environment.of_this_process().keys
    [report] = VersatileImageFieldWarmer(photo, keys, "image").reports()
    assert report.outcomes, report
    assert not report.failures, report


def made(count: int) -> list[Photo]:
    """Return photos of which all renditions are made and recorded, and whose rows are new.

    The files and records of an earlier process with the same folder and cache are used again.
    """
    names = [f"{FOLDER}/{number:05}.jpg" for number in range(count)]
    if not default_storage.exists(names[-1]):
        content = picture()
        for name in names:
            default_storage.save(name, ContentFile(content))
            warm(Photo(image=name))
    return Photo.objects.bulk_create(Photo(title=name, image=name) for name in names)


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the CPU time of this process for `work`."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def wall_ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


Pairs = list[tuple[float, float]]


def compared(name: str, pairs: Pairs) -> dict[str, float]:
    """Return how much the first of each pair costs beyond the second, as `name`.

    The lowest tenth of each side is compared, and the medians are told beside it: other processes
    of a shared machine make a CPU time longer, and never shorter.
    """
    ours, other = ([pair[side] for pair in pairs] for side in (0, 1))
    return {
        name: low(ours) - low(other),
        f"{name}_median": median(ours) - median(other),
        f"{name}_bare": low(other),
    }


def low(values: list[float]) -> float:
    """Return the value below which the lowest tenth is."""
    return sorted(values)[len(values) // 10]
