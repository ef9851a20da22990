"""Pictures that cannot be rendered: they fail with a reason, and affect no others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from renditions.records import RecordState
from tests.app.models import Person
from tests.conftest import four_corners
from tests.service.nodes import Worker
from tests.service.waiting import wait_for
from workers.models import WarmJob

from .environment import BACKOFF_S, HARD_TIME_LIMIT_S, MAX_ATTEMPTS, SWEEP_EVERY_S, Environment
from .filters import DEADLY, ORDINARY, STUBBORN
from .outcome import all_made, assert_all_made, failed, recorded

pytestmark = pytest.mark.smoke

Save = Callable[..., Person]
Begun = Callable[[], list[int]]

# Celery notices killed pool processes every 5 s.
NOTICED_S = 5.5


def test_picture_that_ends_its_process_fails_as_poison(
    save: Save, begun: Begun, worker: Worker, environment: Environment, settings: Any
):
    """It is tried MAX_ATTEMPTS times; the worker survives, and other pictures are rendered."""
    settings.RENDITIONS = environment.settings()["RENDITIONS"]
    main_process = worker.pid
    deadly, stubborn, ordinary = save(DEADLY), save(STUBBORN), save()

    wait_for(lambda: all_made(ordinary), 15, "another picture is made meanwhile")
    attempt_s = max(NOTICED_S, HARD_TIME_LIMIT_S) + BACKOFF_S + SWEEP_EVERY_S
    for person in (deadly, stubborn):
        job = wait_for(
            lambda person=person: failed(person),
            (attempt_s + 2) * MAX_ATTEMPTS,
            "the bad picture has failed",
        )
        assert job.kind == "poison"
        assert f"{MAX_ATTEMPTS} attempts" in job.error
        assert job.attempts == MAX_ATTEMPTS

    assert len(begun()) == 2 * MAX_ATTEMPTS + 1
    assert worker.pid == main_process
    after = save()
    wait_for(lambda: all_made(after), 10, "the worker still works")
    assert_all_made(after, environment.media)


def test_incomplete_picture_is_repaired_and_retried_in_the_admin(client: Client, media: Path):
    """An incomplete JPEG fails with a reason; after a repair, a retry makes its renditions."""
    whole = four_corners(*ORDINARY)
    person = Person.objects.create(headshot=ContentFile(whole[: len(whole) // 2], "broken.jpg"))
    job = wait_for(lambda: failed(person), 10, "the incomplete picture has failed")
    assert {each["path"] for each in job.failures} == {
        plan.path for plan in person.headshot.plans()
    }
    assert recorded(person) == {RecordState.FAILED}
    _log_in(client, "rendition_workers.view_warmjob", "rendition_workers.change_warmjob")
    page = client.get(reverse("admin:rendition_workers_warmjob_changelist")).content.decode()
    assert job.headline in page
    assert job.detail[:30] in page

    (media / person.headshot.name).write_bytes(whole)
    answer = _retry(client, job)

    assert "1 failed job was queued again." in answer
    wait_for(lambda: all_made(person), 10, "the repaired picture is made")
    assert_all_made(person, media)


def test_retry_needs_permission(client: Client):
    """An editor who may only view the jobs cannot retry one."""
    person = Person.objects.create(headshot=ContentFile(b"no picture", "broken.jpg"))
    job = wait_for(lambda: failed(person), 10, "the incomplete picture has failed")
    _log_in(client, "rendition_workers.view_warmjob")

    answer = _retry(client, job)

    assert "queued again" not in answer
    assert failed(person)


def _log_in(client: Client, *permissions: str) -> None:
    user = User.objects.create_user("editor", is_staff=True)
    names = [permission.split(".")[1] for permission in permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)


def _retry(client: Client, job: WarmJob) -> str:
    chosen = {"action": "retry_failed", "_selected_action": [job.pk]}
    page = reverse("admin:rendition_workers_warmjob_changelist")
    return client.post(page, chosen, follow=True).content.decode()
