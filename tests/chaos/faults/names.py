"""File names that are hostile, too long, or almost the same as others.

Nothing is written outside of the rendition folders, no two originals share a rendition, and every
URL serves the rendition of its own picture.

Guard: `path-check` (neither a name nor a symlink leads a write out of the storage).
"""

import os
import unicodedata
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.utils.encoding import uri_to_iri

from tests.chaos.browser import Browser
from tests.chaos.run import Chaos
from tests.chaos.service import Options

PLAIN = (
    "a.jpg", "A.jpg", "a.JPG", "a.jpeg", "a b.jpg", "ab.jpg", " a.jpg", "a .jpg", "a  b.jpg",
    "noext", ".hidden", ".hidden.jpg", "dots...jpg", "a..b.jpg", "-rf.jpg", "~.jpg",
    "a-thumbnail-50x50-70.jpg", "a-crop-c0-5__0-5-100x100-70.jpg", "a__invert__.jpg",
    "what?.jpg", "a#b.jpg", "100%.jpg", "%2e%2e%2fa.jpg", "%00.jpg", "a;b.jpg",
    "a&b=c.jpg", "a+b.jpg", "a:b.jpg", "a*b.jpg", "a|b.jpg", "a<b>.jpg", 'a"b.jpg', "a'b.jpg",
    "a`id`.jpg", "$(id).jpg", "${HOME}.jpg", "a\tb.jpg", "a\nb.jpg", "a\r\nb.jpg", "a\x7fb.jpg",
    "a\x01.jpg", "nul", "CON", "aux.jpg", "undefined", "null", "None", "true", "NaN", "0", "1e3",
    "<script>alert(1)</script>.jpg", "'; DROP TABLE chaos_picture;--.jpg", "{{7*7}}.jpg",
    "\u202egpj.exe", "a\u202e.jpg", "\u200b.jpg", "\ufeff.jpg", "\u2028.jpg", "\xa0.jpg",
    "\u0635\u0648\u0631\u0629.jpg", "\u7530\u4e2d.jpg", "\U0001f4f7.jpg", "\u00df.jpg", "ss.jpg",
    "\u0130.jpg", "i\u0307.jpg", "Z\u0351\u036b\u0343\u036a.jpg", "\uff0e\uff0e\uff0fa.jpg",
    "\u212b.jpg", "\xc5.jpg", "A\u030a.jpg", "\ufb01.jpg", "fi.jpg", "x" * 180 + ".jpg",
)  # fmt: skip
# Only as uploads, which change such names. A row with such a name has a wrong URL (Django turns a
# backslash into a slash) or shares its renditions with another row.
ONLY_UPLOADED = ("a\\b.jpg", "noext", "noext.jpg", "b/../../c.jpg", "twin.jpg", "twin")
# Not possible as names in a folder.
IMPOSSIBLE = (
    "../../outside.jpg", "p/../../outside.jpg", "/tmp/chaos-outside.jpg", "..", ".",
    "p/" + "x" * 240 + ".jpg", "y" * 300 + ".jpg", "\u7530" * 84 + ".jpg", "..\\..\\outside.jpg",
)  # fmt: skip

# The folders where renditions are written.
OURS = {"__sized__", "__filtered__", ".renditions-unfinished"}


def options(*, short: bool, database: str) -> Options:
    """Without a reader, with a web server."""
    return Options(workers=1 if short else 2, reader=False, web=True)


def run(chaos: Chaos) -> None:
    """Save originals with each name, both as rows of a careless import and as uploads."""
    media = chaos.environment.media
    (media / "p").mkdir(exist_ok=True)
    pictures = [_saved(chaos, f"p/{name}") for name in _some(chaos, _names(chaos))]
    neighbours = [_neighbour(chaos, name) for name in ("a.jpg", "noext", "\xe9.jpg")]
    link = _symlinked(chaos)
    impossible = [_impossible(chaos, name) for name in IMPOSSIBLE]
    for name in (*_some(chaos, PLAIN), *ONLY_UPLOADED, *IMPOSSIBLE):
        pictures += _uploaded(chaos, name)
    before = _outside(chaos)
    chaos.settle()
    _one_rendition_each(chaos, pictures)
    _urls_serve_their_own(chaos, pictures)
    _neighbours_are_themselves(chaos, neighbours)
    escaped = _outside(chaos) - before
    chaos.expect(not escaped, f"files outside of the rendition folders: {sorted(escaped)[:4]}")
    chaos.expect(not list(link.iterdir()), "no file is written through a symlink")
    _failed_with_reasons(chaos, impossible)


def _names(chaos: Chaos) -> list[str]:
    decomposed = [unicodedata.normalize("NFD", "\xe9t\xe9.jpg"), "\xe9t\xe9.jpg"]
    return [name for name in (*PLAIN, *decomposed) if _is_possible(chaos, name)]


def _is_possible(chaos: Chaos, name: str) -> bool:
    try:
        path = chaos.environment.media / "p" / name
        path.touch()
    except (OSError, ValueError):
        return False
    return True


def _saved(chaos: Chaos, name: str) -> Any:
    """Save a picture as an import does: write the file, then a row with its name."""
    from tests.chaos.app.models import Picture
    from tests.chaos.pictures import drawn

    number = chaos.next_number()
    (chaos.environment.media / name).write_bytes(drawn(number))
    chaos.verdict.injected += 1
    return Picture.objects.create(number=number, image=name)


def _some(chaos: Chaos, names: Sequence[str]) -> Sequence[str]:
    return chaos.dice.sample(names, 25) if chaos.short else names


def _uploaded(chaos: Chaos, name: str) -> list[Any]:
    """Save a picture as a form or the API does, with a name from the client."""
    from django.core.exceptions import SuspiciousOperation
    from django.core.files.uploadedfile import SimpleUploadedFile

    from tests.chaos.app.models import Picture
    from tests.chaos.pictures import drawn

    number = chaos.next_number()
    chaos.verdict.injected += 1
    try:
        upload = SimpleUploadedFile(name, drawn(number), "image/jpeg")
        return [Picture.objects.create(number=number, image=upload)]
    except SuspiciousOperation:
        # Django answers 400.
        return []


def _neighbour(chaos: Chaos, name: str) -> Any:
    from tests.chaos.app.models import Neighbour
    from tests.chaos.pictures import drawn

    number = chaos.next_number()
    neighbour = Neighbour(number=number)
    folder = Path(neighbour.image.storage.location) / "p"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(drawn(number))
    neighbour.image = f"p/{name}"
    neighbour.save()
    chaos.verdict.injected += 1
    return neighbour


def _symlinked(chaos: Chaos) -> Path:
    """Make a rendition folder that is a symlink to a folder outside of the storage."""
    outside = Path(chaos.environment.folder) / "outside"
    outside.mkdir()
    for folder in ("p", "__sized__"):
        (chaos.environment.media / folder / "linked").parent.mkdir(exist_ok=True)
    (chaos.environment.media / "__sized__" / "linked").symlink_to(outside)
    (chaos.environment.media / "linked").mkdir()
    chaos.may_fail.add(str(_saved(chaos, "linked/a.jpg").pk))
    return outside


def _impossible(chaos: Chaos, name: str) -> Any:
    """Save a row with a name that is not possible on this storage."""
    from tests.chaos.app.models import Picture

    number = chaos.next_number()
    chaos.verdict.injected += 1
    picture = Picture.objects.create(number=number, image=name)
    chaos.may_fail.add(str(picture.pk))
    return picture


def _one_rendition_each(chaos: Chaos, pictures: list[Any]) -> None:
    owner: dict[str, Any] = {}
    for picture in pictures:
        for plan in picture.image.plans():
            other = owner.setdefault(plan.path, picture)
            if other is not picture:
                chaos.broken(f"{picture.image.name!r} and {other.image.name!r}: {plan.path!r}")


def _urls_serve_their_own(chaos: Chaos, pictures: list[Any]) -> None:
    """Ask for the URLs as a browser does: quoted, and without the part after ? or #."""
    from tests.chaos.pictures import fault_of

    browser = Browser(chaos.service.web_socket)
    for picture in pictures:
        for plan in picture.image.plans()[:2]:
            url = picture.image.rendition(plan.key).url
            answer = browser.get(url)
            fault = fault_of(answer.body, plan, picture.number)
            if answer.status != HTTPStatus.OK:
                fault = f"status {answer.status}"
            if fault:
                chaos.broken(f"{uri_to_iri(url)!r} of {picture.image.name!r} serves: {fault}")


def _neighbours_are_themselves(chaos: Chaos, neighbours: list[Any]) -> None:
    from tests.chaos.pictures import fault_of

    for neighbour in neighbours:
        for plan in neighbour.image.plans():
            with neighbour.image.storage.open(plan.path) as file:
                fault = fault_of(file.read(), plan, neighbour.number)
            chaos.expect(not fault, f"{plan.path} on the other storage: {fault}")


def _failed_with_reasons(chaos: Chaos, pictures: list[Any]) -> None:
    from workers.models import WarmJob

    rows = {job.object_pk: job for job in WarmJob.objects.all()}
    for picture in pictures:
        job = rows.get(str(picture.pk))
        said = job and (job.state, job.kind, job.attempts)
        chaos.expect(job and job.error, f"{picture.image.name[:40]!r} fails with a reason: {said}")


def _outside(chaos: Chaos) -> set[str]:
    """Return all files that are neither renditions nor files of the run itself."""
    found = set()
    for root, _, names in os.walk(chaos.environment.folder):
        relative = os.path.relpath(root, chaos.environment.folder)
        parts = Path(relative).parts
        if OURS & set(parts) or parts[:1] in ((), ("broker",), ("cache",)):
            continue
        found |= {f"{relative}/{name}" for name in names}
    found |= {str(path) for path in Path("/tmp").glob("chaos-outside*")}
    folder = Path(chaos.environment.folder)
    found |= {str(path) for path in folder.parent.glob("outside*")}
    return found | {str(path) for path in folder.glob("*outside*.jpg")}
