"""The steps whose time must not grow with the ledger.

Each function prepares a step and returns it; only the step itself is measured.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db.models import Max
from django.db.models.functions import Now
from django.test import Client

from workers import ledger, recovery, runs
from workers.conf import worker_settings
from workers.models import JobState, RunState, WarmJob, WarmRun
from workers.progress import progress_of_all

from ..app.models import Photo
from ..pictures import picture

USING = "default"
Step = Callable[[], Any]
Preparation = Callable[[], Step]


def _claim_and_settle() -> Step:
    half = WarmJob.objects.aggregate(last=Max("pk"))["last"] // 2
    queued = WarmJob.objects.filter(state=JobState.QUEUED, run=None, due_at__lt=Now())
    job = queued.filter(pk__gte=half).order_by("pk").first() or queued.latest("pk")

    def step() -> None:
        hint = ledger.Hint(USING, job.pk, job.generation)
        claim = ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)
        assert claim
        assert ledger.settle(claim, counted="created")

    return step


def _save() -> Step:
    return Photo(title="new", image=ContentFile(picture(), "new.jpg")).save


def _progress() -> Step:
    pk = Photo.objects.aggregate(last=Max("pk"))["last"] or 0
    photos = [Photo(pk=pk + n, title="page", image=f"photos/{n}.jpg") for n in range(1, 25)]
    return partial(progress_of_all, photos, "image")


def _due(work: ledger.Work, *, resend_after_s: int = 60) -> Step:
    limit = worker_settings().max_queued
    return partial(ledger.due, USING, limit, work, resend_after_s=resend_after_s)


def _due_when_all_is_hinted() -> Step:
    """As after a large `enqueue_all`: each message was sent just now."""
    WarmJob.objects.filter(state=JobState.QUEUED).update(hinted_at=Now())
    # On ten million rows, the update takes minutes.
    return _due(ledger.Work.SAVES, resend_after_s=86_400)


def _clamp() -> Step:
    return partial(ledger.clamp_times, USING, lease_s=90, delay_s=7200)


def _running() -> WarmRun:
    return WarmRun.objects.get(state=RunState.RUNNING)


def _admin(path: str) -> Step:
    user, _ = get_user_model().objects.get_or_create(
        username="admin", is_staff=True, is_superuser=True
    )
    client = Client(raise_request_exception=True)
    client.force_login(user)

    def step() -> None:
        answer = client.get(f"/admin/rendition_workers/{path}")
        assert answer.status_code == 200, answer

    return step


STEPS: dict[str, Preparation] = {
    "claim and settle of a job": _claim_and_settle,
    "save of a new picture": _save,
    "progress of 24 pictures": _progress,
    "due: jobs of saves": partial(_due, ledger.Work.SAVES),
    "due: jobs of runs": partial(_due, ledger.Work.RUNS),
    "sweep: correct times": _clamp,
    "sweep: continue runs": lambda: partial(runs.continue_all, USING),
    "release the jobs of a dead worker": lambda: partial(recovery.release_killed_worker, "gone"),
    "release the job of a dead task": lambda: partial(recovery.release_task, "gone", ""),
    "outstanding jobs of a run": lambda: partial(getattr, _running(), "outstanding"),
    "admin: jobs": partial(_admin, "warmjob/"),
    "admin: failed jobs": partial(_admin, "warmjob/?state__exact=failed"),
    "admin: jobs of a kind": partial(_admin, "warmjob/?kind__exact=storage"),
    "admin: page 100 of the jobs": partial(_admin, "warmjob/?p=100"),
    "admin: search for an object": partial(_admin, "warmjob/?q=4711"),
    "admin: runs": partial(_admin, "warmrun/"),
}
# These change a large share of the rows, and leave the table twice as long until it is vacuumed.
FINAL_STEPS: dict[str, Preparation] = {
    "due: every job was hinted just now": _due_when_all_is_hinted,
    "cancel a run": lambda: partial(runs.cancel, _running()),
    "retry of all that failed": lambda: partial(
        ledger.retry, WarmJob.objects.filter(state=JobState.FAILED)
    ),
}
