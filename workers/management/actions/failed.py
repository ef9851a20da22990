"""manage.py renditions failed: what failed most, and each job with its reason."""

import argparse
import json
from typing import Any

from django.core.management.base import OutputWrapper
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max
from django.db.models.functions import Now

from renditions.shell import Action, age_text

from ...shell import add_filters, failed_jobs
from ...targets import in_each_ledger, ledger_trouble

DEFAULT_LIMIT = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument(
        "--limit",
        type=int,
        default=DEFAULT_LIMIT,
        metavar="N",
        help="Print at most N jobs, the newest failures first. Default: %(default)s.",
    )
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")


def run(stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]) -> None:
    """Print groups of failures, the largest first, then the jobs."""
    limit = max(0, options["limit"])

    def look(using: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        chosen = failed_jobs(using, options).order_by()
        by: Any = chosen.values("model_label", "field_name", "kind")
        groups = by.annotate(jobs=Count("pk"), reason=Max("headline"))
        age = ExpressionWrapper(Now() - F("changed_at"), output_field=DurationField())
        newest = chosen.annotate(age=age).order_by("-changed_at", "-pk")[:limit]
        return list(groups), [_job(job, using) for job in newest]

    found = in_each_ledger(
        look, on_error=lambda using, error: stderr.write(ledger_trouble(using, error))
    )
    groups = sorted((each for group, _ in found for each in group), key=lambda g: -g["jobs"])
    jobs = sorted((job for _, each in found for job in each), key=lambda job: job["failed_s_ago"])
    jobs = jobs[:limit]
    if options["json"]:
        named = [
            {
                "model": group["model_label"],
                "field": group["field_name"],
                "kind": group["kind"],
                "jobs": group["jobs"],
                "reason": group["reason"],
            }
            for group in groups
        ]
        total = sum(group["jobs"] for group in groups)
        stdout.write(json.dumps({"total": total, "groups": named, "jobs": jobs}, indent=2))
        return
    _write(stdout, groups, jobs)


def _job(job: Any, using: str) -> dict[str, Any]:
    return {
        "id": job.pk,
        "database": using,
        "model": job.model_label,
        "pk": job.object_pk,
        "field": job.field_name,
        "removes": job.removed_name or None,
        "kind": job.kind,
        "reason": job.error,
        "attempts": job.attempts,
        "failed_s_ago": round(job.age.total_seconds(), 1),
    }


def _write(stdout: OutputWrapper, groups: list[dict[str, Any]], jobs: list[dict[str, Any]]) -> None:
    if not groups:
        stdout.write("No job has failed.")
        return
    for group in groups:
        name = f"{group['model_label']}.{group['field_name']}"
        stdout.write(f"{group['jobs']:>8,}  {group['kind']:<14} {name}: {group['reason']}")
    stdout.write("")
    for job in jobs:
        former = f" (removal of {job['removes']})" if job["removes"] else ""
        stdout.write(
            f"{job['model']} {job['pk']} {job['field']}{former}, "
            f"{age_text(job['failed_s_ago'])} ago: {job['reason']}"
        )
    left = sum(group["jobs"] for group in groups) - len(jobs)
    if left:
        stdout.write(f"... and {left:,} more: pass --limit, or filter by --kind and --model.")


ACTION = Action(
    help="Print what failed most, and the newest failures with their reasons.",
    add_arguments=add_arguments,
    run=run,
    examples="failed\n"
    "failed --kind storage --model people.Person\n"
    "failed --older-than 2h --limit 100 --json",
)
