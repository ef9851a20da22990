"""Rendition jobs: what is queued or failed and why, what failed most, and how to retry it."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models, router, transaction
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from .. import dispatch, ledger
from ..models import JobState, WarmJob
from ..snapshot import FailureGroup, failure_groups
from .base import NOTHING
from .filters import CheapValuesFilter, StateFilter, WatchedFilter
from .pictures import DETAIL_LENGTH, PicturesAdmin

# Jobs on the pages of the list. Filters and the search find every job.
MOST_LISTED = 10_000
# Groups of failures on their page. More of them than this would be one for each picture.
MOST_GROUPS = 200


class _ExistingFilter(CheapValuesFilter):
    """Offers the values that there are: an index finds each after the one before."""

    def values(self, column: str) -> list[str]:
        found, last = [], ""
        while last := self._next(column, last):
            found.append(last)
        return found

    def _next(self, column: str, last: str) -> str:
        # The second condition is that of the partial index: without it, SQLite does not use the
        # index. It searches by the first one.
        later = WarmJob.objects.filter(**{f"{column}__gt": last}).filter(**{f"{column}__gt": ""})
        return later.order_by(column).values_list(column, flat=True).first() or ""


class _BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no more jobs than anybody looks through: to count millions takes seconds."""

    @cached_property
    def count(self) -> int:
        # In the order of the list: in any other, the rows of the filter may come last.
        return int(self.object_list[:MOST_LISTED].count())  # type: ignore[attr-defined]


class _AgeFilter(admin.SimpleListFilter):
    """Offers jobs that are older than some time, or that are new."""

    title = _("age")
    parameter_name = "age"
    NEW = "new"
    OLDER = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            (self.NEW, _("Of the last hour")),
            ("hour", _("Older than an hour")),
            ("day", _("Older than a day")),
            ("week", _("Older than a week")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[WarmJob]
    ) -> models.QuerySet[WarmJob]:
        chosen = self.value()
        if chosen == self.NEW:
            return queryset.filter(queued_at__gte=Now() - self.OLDER["hour"])
        if chosen in self.OLDER:
            return queryset.filter(queued_at__lt=Now() - self.OLDER[chosen])
        return queryset


# By the name of a filter in the address: the first one counts.
_ORDERS = {
    "kind": ("-kind", "-pk"),
    "model_label": ("-model_label", "-state", "-pk"),
    "state__exact": ("-state", "-pk"),
}


@admin.register(WarmJob)
class WarmJobAdmin(PicturesAdmin):
    """Jobs that are queued, in progress or failed."""

    list_display = ("picture", "__str__", "object_link", "badge", "age", "reason")
    list_display_links = ("__str__",)
    list_filter = (
        ("state", StateFilter),
        "takes",
        ("kind", _ExistingFilter),
        _AgeFilter,
        ("model_label", WatchedFilter),
        ("field_name", WatchedFilter),
    )
    search_fields = ("object_pk", "model_label", "headline", "detail", "failures")
    actions = ("retry_failed",)
    list_per_page = 50
    paginator = _BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count every job
    change_list_template = "rendition_workers/jobs.html"
    change_form_template = "rendition_workers/job.html"
    fieldsets = (
        (None, {"fields": ("object_link", "picture", "field_name", "badge", "reasons")}),
        (
            _("Attempts"),
            {"fields": (("attempts", "due_at"), ("queued_at", "changed_at"), "lease_worker")},
        ),
        (
            _("Details"),
            {
                "fields": (
                    ("takes", "removed_name"),
                    ("generation", "force", "run"),
                    "lease_until",
                ),
                "classes": ("collapse",),
            },
        ),
    )

    def get_urls(self) -> list[Any]:
        name, guard = "rendition_workers_warmjob_", self.admin_site.admin_view
        failures = path("failures/", guard(self.failures_view), name=f"{name}failures")
        retry = path("<path:object_id>/retry/", guard(self.retry_view), name=f"{name}retry")
        return [failures, retry, *super().get_urls()]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "object_link", "picture", "badge",
                "reasons"]  # fmt: skip

    # ---- list ----------------------------------------------------------------------------------

    def get_ordering(self, request: HttpRequest) -> Any:
        """Return the order of the index that has the rows of the filter.

        In the order of the primary key alone, the database might read millions of other jobs.
        """
        age = request.GET.get(_AgeFilter.parameter_name)
        if age == _AgeFilter.NEW:
            return ("-queued_at", "-pk")
        if age in _AgeFilter.OLDER:
            return ("queued_at", "pk")
        orders = (order for name, order in _ORDERS.items() if name in request.GET)
        return next(orders, super().get_ordering(request))

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        job = kwargs.get("obj")
        if job is not None:
            self.note_page([job], request)
            may_retry = job.state == JobState.FAILED and self.has_act_permission(request)
            context["retry_url"] = self.url_of(WarmJob, "retry", job.pk) if may_retry else ""
            context |= self.links()
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("state"), ordering="state")
    def badge(self, job: WarmJob) -> SafeString:
        return format_html(
            '<span class="rendition-state {}">{}</span>', job.state, job.get_state_display()
        )

    @admin.display(description=_("age"), ordering="queued_at")
    def age(self, job: WarmJob) -> SafeString:
        """The time since the job was enqueued."""
        return format_html(
            '<time datetime="{}" class="rendition-age">{}</time>',
            job.queued_at.isoformat(),
            timesince(job.queued_at, depth=1),
        )

    @admin.display(description=_("reason"), ordering="headline")
    def reason(self, job: WarmJob) -> str | SafeString:
        """The first failure: its headline, and its kind and detail below."""
        if not job.headline and not job.detail:
            return NOTHING
        return format_html(
            '<div class="rendition-why">{}<small>{} {}</small></div>',
            gettext(job.headline) if job.headline else "",
            format_html("<code>{}</code>", job.kind) if job.kind else "",
            Truncator(job.detail).chars(DETAIL_LENGTH),
        )

    @admin.display(description=_("failed renditions"))
    def reasons(self, job: WarmJob) -> str | SafeString:
        """Each headline, and below it each detail with the paths that it is about."""
        groups: dict[str, dict[str, list[str]]] = {}
        for failure in job.all_failures():
            path = gettext("all renditions") if failure.path is None else failure.path
            details = groups.setdefault(failure.translated_headline, {})
            details.setdefault(failure.detail, []).append(path)
        rows = ((headline, _details(details)) for headline, details in groups.items())
        return format_html_join("", "<p><b>{}</b></p>{}", rows) or NOTHING

    # ---- retry ---------------------------------------------------------------------------------

    @admin.action(description=_("Retry failed renditions"), permissions=["act"])
    def retry_failed(self, request: HttpRequest, queryset: models.QuerySet[WarmJob]) -> None:
        """Queue the failed jobs of the selection again."""
        self._retry(request, queryset)

    def _retry(self, request: HttpRequest, jobs: models.QuerySet[WarmJob]) -> None:
        retried = ledger.retry(jobs)
        transaction.on_commit(dispatch.send_sweep, using=jobs.db, robust=True)
        if not retried:
            text = gettext("No job was queued again, because none of the selected jobs has failed.")
            self.message_user(request, text, messages.WARNING)
            return
        text = ngettext(
            "%(count)d failed job was queued again.",
            "%(count)d failed jobs were queued again.",
            retried,
        )
        self.message_user(request, text % {"count": retried}, messages.SUCCESS)

    @method_decorator(require_POST)
    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Queue one failed job again."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        job = self.get_object(request, unquote(object_id))
        if job is None:
            raise Http404
        self._retry(request, WarmJob.objects.using(job._state.db).filter(pk=job.pk))
        return HttpResponseRedirect(self.url_of(WarmJob, "change", quote(job.pk)))

    # ---- what failed most ----------------------------------------------------------------------

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def failures_view(self, request: HttpRequest) -> HttpResponse:
        """Show the failed jobs in groups, the largest first; POST queues a group again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._retry_group(request)
        using = router.db_for_read(WarmJob)
        groups = failure_groups(using, MOST_GROUPS)
        context = {
            **self.admin_site.each_context(request),
            **self.links(),
            "title": gettext("What failed most"),
            "opts": self.opts,
            "media": self.media,
            "groups": [(group, self._list_of(group)) for group in groups],
            "may_retry": self.has_act_permission(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "rendition_workers/failures.html", context)

    def _list_of(self, group: FailureGroup) -> str:
        """Return the address of the list of the jobs of `group`."""
        query = {
            # Failed: an index has the groups of jobs that are never due.
            "due_at__isnull": "True",
            "kind": group.kind,
            "model_label": group.model_label,
            "headline": group.headline,
        }
        return f"{self.url_of(WarmJob, 'changelist')}?{urlencode(query)}"

    def _retry_group(self, request: HttpRequest) -> HttpResponse:
        if not self.has_act_permission(request):
            raise PermissionDenied
        try:
            group = {name: request.POST[name] for name in ("kind", "model_label", "headline")}
        except KeyError:
            raise Http404 from None
        using = router.db_for_write(WarmJob)
        self._retry(request, WarmJob.objects.using(using).filter(due_at__isnull=True, **group))
        return HttpResponseRedirect(self.url_of(WarmJob, "failures"))


def _details(paths_by_detail: dict[str, list[str]]) -> SafeString:
    rows = (
        (detail, format_html_join("", "<code>{}</code>", zip(paths)))
        for detail, paths in paths_by_detail.items()
    )
    return format_html_join("", '<p class="rendition-paths">{} {}</p>', rows)
