"""What the actions for jobs share: their filters."""

import argparse
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import models
from django.db.models.functions import Now

from renditions.errors import RenditionError
from renditions.shell import age, model_named

from . import failures  # noqa: F401 - its errors are kinds, too
from .models import JobState, WarmJob


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose failed jobs."""
    parser.add_argument("--kind", help="Only failures of this kind, such as storage or memory.")
    parser.add_argument("--model", metavar="app.Model", help="Only jobs of this model.")
    parser.add_argument("--pk", help="Only jobs of this instance; with --model.")
    parser.add_argument(
        "--older-than",
        type=age,
        metavar="AGE",
        help="Only jobs that failed longer ago: 90m, 2h, 7d or 2w.",
    )


def has_filter(options: dict[str, Any]) -> bool:
    return any(options[name] for name in ("kind", "model", "pk", "older_than"))


def failed_jobs(using: str, options: dict[str, Any]) -> models.QuerySet[WarmJob]:
    """Return the failed jobs that the options of `add_filters` choose.

    Raises:
        CommandError: there is no such model or kind.
    """
    jobs = WarmJob.objects.using(using).filter(state=JobState.FAILED, due_at__isnull=True)
    if kind := options["kind"]:
        jobs = jobs.filter(kind=known_kind(kind))
    if label := options["model"]:
        jobs = jobs.filter(model_label__in=_tables(label))
    if pk := options["pk"]:
        if not label:
            raise CommandError("--pk needs --model.")
        jobs = jobs.filter(object_pk=pk)
    if older_than := options["older_than"]:
        jobs = jobs.filter(changed_at__lt=Now() - older_than)
    return jobs


def known_kind(kind: str) -> str:
    """Return `kind`.

    Raises:
        CommandError: no failure has it.
    """
    kinds = sorted(set(_kinds(RenditionError)) - {RenditionError.kind})
    if kind not in kinds:
        raise CommandError(f"There is no kind of failure {kind!r}. Known: {', '.join(kinds)}.")
    return kind


def _kinds(error: type[RenditionError]) -> Iterator[str]:
    yield error.kind
    for each in error.__subclasses__():
        yield from _kinds(each)


def _tables(label: str) -> set[str]:
    """Return the labels of the models whose tables hold the pictures of the model `label`."""
    model = model_named(label)
    parents = {parent for parent in model._meta.get_parent_list() if not parent._meta.abstract}
    return {(each._meta.concrete_model or each)._meta.label for each in {model, *parents}}
