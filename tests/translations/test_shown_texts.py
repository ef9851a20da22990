"""No page shows a text that stays English in every language."""

import re
from html.parser import HTMLParser

import pytest
from django import forms, utils
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from renditions.errors import SourceUnreadable
from renditions.forms import VersatileImagePPOIClickField
from renditions.inventory.scopes import all_image_fields
from workers.failures import Failure
from workers.models import JobState, WarmJob, WarmRun


@pytest.fixture
def bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Translate into a language where each text is in brackets, so that all others stand out."""

    def bracket(text: str) -> str:
        return f"⟦{text}⟧" if text else ""

    def bracket_plural(singular: str, plural: str, number: int) -> str:
        return bracket(singular if number == 1 else plural)

    functions = {
        "gettext": bracket,
        "pgettext": lambda context, text: bracket(text),
        "ngettext": bracket_plural,
        "npgettext": lambda context, *arguments: bracket_plural(*arguments),
    }
    for name, function in functions.items():
        monkeypatch.setattr(utils.translation._trans, name, function)


def unbracketed(page: str) -> set[str]:
    """Return the words of a page that did not go through gettext, but for values from tests."""

    class Collector(HTMLParser):
        def handle_data(self, data: str) -> None:
            if self.cdata_elem is None:
                found.append(data)

    found: list[str] = []
    Collector().feed(page)
    text = "\n".join(found)
    while text != (text := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)):
        pass
    words = set(re.findall(r"[\w./@-]*[^\W\d_]{2}[\w./@-]*", text))
    return words - KNOWN - names_of_fields()


def names_of_fields() -> set[str]:
    fields = all_image_fields()
    return {name for f in fields for name in (f.label, f.name, f.model._meta.label)}


KNOWN = {
    *("admin", "app.Person.headshot", "app.Person", "headshot", "a-1x1.jpg", "own@host"),
    *("100x100", "200x100", "100x200"),
    "truncated",  # the detail of a failure, which stays English
    "ID",  # Django does not translate it
}  # fmt: skip


@pytest.fixture
def job() -> WarmJob:
    """A failed job of a bulk run."""
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot", planned=9)
    WarmRun.objects.update(created=1, current=1, blank=1, failed=1, cancelled=1)
    error = SourceUnreadable("truncated")
    failures = [Failure.of("a-1x1.jpg", error), Failure.of_job(error)]
    return WarmJob.objects.create(
        run=run,
        model_label=run.model_label,
        field_name=run.field_name,
        object_pk="17",
        state=JobState.FAILED,
        lease_worker="own@host",
        headline=error.headline,
        detail=error.detail,
        failures=[failure.as_json() for failure in failures],
        due_at=run.started_at,
        queued_at=run.started_at,
        changed_at=run.started_at,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "page"),
    [
        *(("warmjob", "changelist"), ("warmjob", "change")),
        *(("warmrun", "changelist"), ("warmrun", "change"), ("warmrun", "add")),
    ],
)
def test_the_admin_has_no_text_that_stays_english(admin_client, bracketed, job, model, page):
    """Each text on the pages of the ledger goes through gettext when the page is shown."""
    pk = {"warmjob": job.pk, "warmrun": job.run_id}[model]
    address = reverse(
        f"admin:rendition_workers_{model}_{page}", args=[pk] if page == "change" else []
    )
    # The run is not finished, so another one is refused.
    sent = admin_client.post(address, {"field": "app.Person.headshot"}) if page == "add" else None

    assert unbracketed((sent or admin_client.get(address)).content.decode()) == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("model", "action"),
    [
        *(("warmjob", "retry_failed"), ("warmrun", "pause")),
        *(("warmrun", "resume"), ("warmrun", "cancel")),
    ],
)
def test_the_answer_to_an_action_has_no_text_that_stays_english(
    admin_client, bracketed, job, model, action
):
    """Each message after an action goes through gettext, whether it changed something or not."""
    address = reverse(f"admin:rendition_workers_{model}_changelist")
    pk = {"warmjob": job.pk, "warmrun": job.run_id}[model]

    for _ in range(2):
        data = {"action": action, "_selected_action": [pk]}
        page = admin_client.post(address, data, follow=True).content.decode()
        assert 'class="messagelist"' in page
        assert unbracketed(page) == set()


def test_the_form_of_a_picture_has_no_text_that_stays_english(bracketed):
    """The texts of the widget, and the reason why a file is refused, go through gettext."""

    class Form(forms.Form):
        image = VersatileImagePPOIClickField(label="headshot")

    sent = SimpleUploadedFile("a-1x1.jpg", b"Dear diary")
    form = Form({"image_1": "left"}, {"image_0": sent})

    page = form.as_p() + " ".join(map(str, form.errors["image"]))
    assert unbracketed(page) == set()
