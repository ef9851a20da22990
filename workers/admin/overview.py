"""The page of the operator: how much is outstanding, how fast it goes, and what needs a hand.

It asks for a snapshot, and makes no query of its own: see `workers.snapshot` and `workers.alarms`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from .. import snapshot
from ..alarms import AlarmId, alarms
from ..models import JobState, Overview, WarmRun
from ..snapshot import Count, Snapshot
from ..templatetags.rendition_workers import count, duration
from .base import LIVE, MEDIA, NOTHING, ReadOnlyAdmin, may_see

PAGE = "rendition_workers/overview.html"
PART = "rendition_workers/overview_part.html"

# Of the chart, in units of its own: it is as wide as the page.
WIDTH, HEIGHT = 600, 100
# The rate is that of the last minutes.
RATE_MINUTES = 5
# At the beginning of a minute, a job or two would make a wild rate.
LEAST_MINUTE_S = 5


@admin.register(Overview)
class OverviewAdmin(ReadOnlyAdmin):
    """One page, in the place of a list."""

    @property
    def media(self) -> forms.Media:
        # Without the scripts for forms and lists.
        return MEDIA + LIVE

    def get_urls(self) -> list[Any]:
        name, guard = "rendition_workers_overview_", self.admin_site.admin_view
        return [
            path("", guard(self.changelist_view), name=f"{name}changelist"),
            path("part/", guard(self.part_view), name=f"{name}part"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the jobs may see the page."""
        user = request.user
        return any(
            user.has_perm(f"rendition_workers.{verb}_warmjob") for verb in ("view", "change")
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @method_decorator([require_safe, never_cache])
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the page."""
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Renditions"),
            "opts": self.opts,
            "media": self.media,
            "part_url": self.url_of(Overview, "part"),
            **(extra_context or {}),
        }
        return self._answer(request, PAGE, context)

    @method_decorator([require_safe, never_cache])
    def part_view(self, request: HttpRequest) -> HttpResponse:
        """Return the part of the page that changes, as a piece of HTML."""
        return self._answer(request, PART, {})

    def _answer(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, {**context, **self._part(request)})

    def _part(self, request: HttpRequest) -> dict[str, Any]:
        now, taken_at, links = snapshot.take(), timezone.now(), self.links()
        found = alarms(now)
        jobs_url = links["jobs_url"]
        remedies = {
            AlarmId.FAILED: links["failures_url"],
            AlarmId.OUTDATED: links["runs_url"],
            AlarmId.TOO_OLD: _queued(jobs_url),
        }
        return {
            **links,
            "now": now,
            "taken_at": taken_at,
            "alarms": [(alarm, remedies.get(alarm.id, "")) for alarm in found],
            "tiles": [
                *_tiles(now, taken_at, {alarm.id for alarm in found}, jobs_url),
                *_incomplete(now, links["incomplete_url"]),
            ],
            "chart": Chart.of(now.minutes),
            "failures": [
                (failure, _list(jobs_url, state__exact=JobState.FAILED.value, kind=failure.kind))
                for failure in now.failures
            ],
            "models": list(_models(now, jobs_url)),
            "removals_url": _list(jobs_url, takes__isnull="False"),
            "queues": [(name, number, now.consumers(name)) for name, number in now.queues],
            "runs": [(run, self._page_of_run(request, run)) for run in now.runs],
            "may_act": request.user.has_perm("rendition_workers.change_warmrun"),
        }

    def _page_of_run(self, request: HttpRequest, run: snapshot.Run) -> str:
        """Return the address of the page of `run`; empty: its database is not that of the admin."""
        is_here = run.using == router.db_for_read(WarmRun)
        return (
            self.url_of(WarmRun, "change", run.pk) if is_here and may_see(request, WarmRun) else ""
        )


def _list(jobs_url: str, **query: str) -> str:
    """Return the address of the filtered list of jobs."""
    return jobs_url and f"{jobs_url}?{urlencode(query)}"


# ---- numbers -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """A big number."""

    label: str
    value: str
    note: str = ""
    url: str = ""
    needs_hand: bool = False
    in_words: bool = False  # not a number


def _tiles(
    now: Snapshot, taken_at: datetime, alarms: set[AlarmId], jobs_url: str
) -> Iterator[Tile]:
    """Yield what an operator asks first: how much, how old, who works, what failed, how fast."""
    per_minute = _per_minute(now, taken_at)
    yield Tile(gettext("Queued"), count(now.queued), _end(now, per_minute), _queued(jobs_url))
    yield Tile(
        gettext("Oldest waits"),
        duration(now.oldest_due_s) or NOTHING,
        _bulk(now),
        needs_hand=AlarmId.TOO_OLD in alarms,
        in_words=True,
    )
    yield Tile(
        gettext("Workers"),
        count(len(now.living)),
        gettext("in progress: %(number)s") % {"number": count(now.warming)},
        "#rendition-workers-title",
        needs_hand=not alarms.isdisjoint(
            {AlarmId.NO_WORKER, AlarmId.UNCONSUMED, AlarmId.WORKER_GONE}
        ),
    )
    yield Tile(
        gettext("Last sweep"),
        _ago(now.last_sweep_s),
        needs_hand=not alarms.isdisjoint({AlarmId.BEAT, AlarmId.SWEEP}),
        in_words=True,
    )
    yield Tile(
        gettext("Failed"),
        count(now.failed),
        gettext("in 60 minutes: %(number)s") % {"number": count(sum(f for _, f in now.minutes))},
        _list(jobs_url, state__exact=JobState.FAILED.value),
        needs_hand=AlarmId.FAILED in alarms,
    )
    yield Tile(
        gettext("Made in 60 minutes"),
        count(sum(made for made, _ in now.minutes)),
        gettext("%(number)s a minute now") % {"number": count(per_minute)},
    )


def _incomplete(now: Snapshot, url: str) -> Iterator[Tile]:
    """Yield the pictures without their end; without one, there is no tile."""
    if now.incomplete:
        yield Tile(gettext("Incomplete"), count(now.incomplete), gettext("pictures accepted"), url)


def _queued(jobs_url: str) -> str:
    """Return the address of the list of the jobs that wait."""
    return _list(jobs_url, state__exact=JobState.QUEUED.value, takes__isnull="True")


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return gettext("never")
    return gettext("%(duration)s ago") % {"duration": duration(seconds)}


def _per_minute(now: Snapshot, taken_at: datetime) -> float:
    """Return how many jobs ended in a minute lately, since the first of them."""
    ended = [made + failed for made, failed in now.minutes[-RATE_MINUTES:]]
    while ended and not ended[0]:
        del ended[0]
    if not ended:
        return 0.0
    # The present minute is not over.
    minutes = len(ended) - 1 + max(taken_at.second, LEAST_MINUTE_S) / 60
    return sum(ended) / minutes


def _end(now: Snapshot, per_minute: float) -> str:
    if not now.queued or not now.living or per_minute < 1:
        return ""
    remaining = duration(now.queued.number / per_minute * 60)
    return gettext("empty in about %(duration)s") % {"duration": remaining}


def _bulk(now: Snapshot) -> str:
    if now.oldest_bulk_due_s is None:
        return gettext("nothing waits") if now.oldest_due_s is None else ""
    return gettext("of bulk runs: %(duration)s") % {"duration": duration(now.oldest_bulk_due_s)}


def _models(now: Snapshot, jobs_url: str) -> Iterator[tuple[str, list[tuple[Count, str]]]]:
    """Yield each model with its number of jobs in each state, and the address of their list."""
    counts = {(label, state): number for label, state, number in now.by_model}
    for label in sorted({label for label, _, _ in now.by_model}):
        yield (
            label,
            [
                (
                    counts.get((label, state), snapshot.NONE),
                    _list(jobs_url, state__exact=state.value, model_label=label),
                )
                for state in JobState
            ],
        )


# ---- chart -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute; failed jobs are on top of those that were made."""

    x: float
    width: float
    made: int
    failed: int
    made_height: float
    failed_height: float
    minutes_ago: int

    @property
    def made_y(self) -> float:
        return HEIGHT - self.made_height

    @property
    def failed_y(self) -> float:
        return self.made_y - self.failed_height


@dataclass(frozen=True, slots=True)
class Chart:
    """The made and failed jobs of the last minutes."""

    bars: tuple[Bar, ...]
    most: int  # in one minute
    made: int
    failed: int
    width: int = WIDTH
    height: int = HEIGHT

    @classmethod
    def of(cls, minutes: tuple[tuple[int, int], ...]) -> "Chart":
        most = max((made + failed for made, failed in minutes), default=0)
        scale = HEIGHT / most if most else 0.0
        step = WIDTH / max(1, len(minutes))
        bars = (
            Bar(
                x=round(number * step, 2),
                width=round(step * 0.8, 2),
                made=made,
                failed=failed,
                made_height=round(made * scale, 2),
                failed_height=round(failed * scale, 2),
                minutes_ago=len(minutes) - 1 - number,
            )
            for number, (made, failed) in enumerate(minutes)
        )
        totals = (sum(made for made, _ in minutes), sum(failed for _, failed in minutes))
        return cls(tuple(bars), most, *totals)
