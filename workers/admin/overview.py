"""The page of the operator: how much is outstanding, how fast it goes, and what needs a hand.

It asks for a snapshot, and makes no query of its own: see `workers.snapshot` and `workers.alarms`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
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
from django.utils.translation import gettext, ngettext
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
# The rate is that of the last whole minutes.
RATE_MINUTES = 5


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
        now, links = snapshot.take(), self.links()
        found = alarms(now)
        jobs_url = links["jobs_url"]
        return {
            **links,
            "now": now,
            "taken_at": timezone.now(),
            "alarms": found,
            "tiles": list(_tiles(now, {alarm.id for alarm in found}, jobs_url)),
            "chart": Chart.of(now.minutes),
            "failures": [
                (failure, _list(jobs_url, state__exact=JobState.FAILED.value, kind=failure.kind))
                for failure in now.failures
            ],
            "models": list(_models(now, jobs_url)),
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


def _tiles(now: Snapshot, alarms: set[AlarmId], jobs_url: str) -> Iterator[Tile]:
    making = {"takes__isnull": "True"}
    queued = _list(jobs_url, state__exact=JobState.QUEUED.value, **making)
    yield Tile(gettext("Queued"), count(now.queued), _end(now), queued)
    yield Tile(
        gettext("Oldest waits"),
        duration(now.oldest_due_s) or NOTHING,
        _bulk(now),
        needs_hand=AlarmId.TOO_OLD in alarms,
        in_words=True,
    )
    busy = ngettext("%(count)d worker runs", "%(count)d workers run", len(now.living))
    yield Tile(
        gettext("In progress"),
        count(now.warming),
        busy % {"count": len(now.living)},
        _list(jobs_url, state__exact=JobState.WARMING.value),
        needs_hand=AlarmId.NO_WORKER in alarms,
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
        gettext("%(number)s a minute now") % {"number": count(_per_minute(now))},
    )
    removals = _list(jobs_url, takes__isnull="False")
    yield Tile(
        gettext("To be taken away"), count(now.removals), gettext("former pictures"), removals
    )


def _per_minute(now: Snapshot) -> float:
    """Return how many jobs ended in a minute lately."""
    # The present minute is not over.
    lately = now.minutes[-1 - RATE_MINUTES : -1]
    return sum(made + failed for made, failed in lately) / len(lately) if lately else 0.0


def _end(now: Snapshot) -> str:
    per_minute = _per_minute(now)
    if not now.queued or per_minute < 1:
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
