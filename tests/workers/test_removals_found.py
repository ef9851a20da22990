"""Faults of removals that the chaos runs have found."""

import pytest
from django.core.files.storage import FileSystemStorage

from tests.app.models import Poster
from workers import ledger
from workers.models import WarmJob


@pytest.mark.parametrize("is_made", [True, False], ids=["made", "in progress"])
def test_an_upload_gets_no_name_whose_former_picture_is_being_rendered(
    db, picture, monkeypatch, is_made
):
    """Otherwise, a rendition of the deleted picture may be published over one of the new one."""
    monkeypatch.setattr(
        Poster._meta.get_field("image"), "storage", FileSystemStorage(allow_overwrite=True)
    )
    former = Poster.objects.create(image=picture("a.jpg"))
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=60, max_attempts=4)
    assert claim
    former.delete()
    if is_made:
        assert ledger.release_overtaken(claim)

    again = Poster.objects.create(image=picture("a.jpg"))

    assert (again.image.name == "posters/a.jpg") is is_made
