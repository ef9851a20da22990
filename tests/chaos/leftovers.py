"""Compare the whole storage with the rows: nothing too much, and nothing too little."""

from collections.abc import Iterator, Mapping
from itertools import chain
from os import walk
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, default_storage

from renditions.planning.plans import RenditionPlan
from renditions.storage.disk import FOLDER
from workers.models import WarmJob

from .app.models import Photograph, Poster, Print
from .gallery import Gallery
from .judge import count
from .pictures import drawn, fault_of
from .run import Chaos


def judge(chaos: Chaos, gallery: Gallery) -> None:
    """Add to the verdict the files that are left, lost or wrong."""
    _judge_jobs(chaos)
    files = set(_files())
    shown: dict[str, int] = dict(
        chain.from_iterable(
            model.objects.exclude(image="").values_list("image", "number")
            for model in (Photograph, Print, Poster)
        )
    )
    needed = {plan.path: (plan, row.number) for row in _warmed() for plan in row.image.plans()}
    _judge_originals(chaos, {**gallery.kept, **shown})
    _judge_renditions(chaos, needed)
    # A picture that is shown keeps the renditions of its former focal points.
    of_shown = set(chain.from_iterable(gallery.renditions[name] for name in shown))
    allowed = {*shown, *gallery.kept, *gallery.unsaved, *needed, *of_shown}
    left = sorted(files - allowed)
    chaos.verdict.left += len(left)
    for path in left[:5]:
        chaos.note(f"left: {path}")
    chaos.note(f"{len(files)} files, {len(shown)} pictures are shown")


def _judge_jobs(chaos: Chaos) -> None:
    jobs = list(WarmJob.objects.all())
    for job in jobs[:3]:
        chaos.note(f"{job}, {job.state}: {job.error}")
    chaos.expect(not jobs, f"no job is left; {len(jobs)} are")


def _judge_originals(chaos: Chaos, numbers: Mapping[str, int]) -> None:
    for name, number in numbers.items():
        data = _content(name)
        if data is None:
            count(chaos, "lost", f"the original {name}")
        elif data != drawn(number):
            count(chaos, "wrong", f"the original {name}")


def _judge_renditions(chaos: Chaos, needed: Mapping[str, tuple[RenditionPlan, int]]) -> None:
    for path, (plan, number) in needed.items():
        data = _content(path)
        fault = "lost" if data is None else fault_of(data, plan, number)
        if fault:
            count(chaos, fault, path)


def _warmed() -> Iterator[Any]:
    for model in (Photograph, Print):
        yield from model.objects.exclude(image="").iterator()


def _content(path: str) -> bytes | None:
    try:
        with default_storage.open(path) as file:
            data: bytes = file.read()
    except FileNotFoundError:
        return None
    return data


def _files() -> Iterator[str]:
    """Yield the paths of all files on the storage, except unfinished ones."""
    if not isinstance(default_storage, FileSystemStorage):
        yield from (each.key for each in default_storage.bucket.objects.all())  # type: ignore[attr-defined]
        return
    root = Path(default_storage.location)
    for folder, _, names in walk(root):
        if Path(folder).name != FOLDER:
            yield from (str(Path(folder, name).relative_to(root)) for name in names)
