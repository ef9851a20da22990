"""What holds for the saves of every warmed model, whatever else is installed."""

from collections.abc import Callable
from typing import Any

from django.db import models

from tests.workers.concurrency import dies_at
from workers.models import WarmJob


def assert_whole_or_nothing(
    model: type[models.Model], using: str, save: Callable[[], Any], *, at_least: int = 2
) -> None:
    """Check that row and job are both there or both not, at whichever statement a save dies.

    Args:
        save: Makes and saves one instance of `model` in the database `using`.
        at_least: Number of statements that such a save needs, at least.
    """
    point, died = 0, True
    while died:
        died = dies_at(point, using, save)
        rows = model._base_manager.using(using).values_list("pk", flat=True)
        jobs = WarmJob.objects.using(using).values_list("object_pk", flat=True)
        assert sorted(map(str, rows)) == sorted(jobs), f"died at statement {point}"
        point += 1
    assert point > at_least
    assert rows
