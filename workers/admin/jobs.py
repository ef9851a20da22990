"""Rendition jobs: what is queued or failed and why, what failed most, and how to retry it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied, ValidationError
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

from renditions.files import VersatileImageFieldFile

from .. import dispatch, ledger, thumbnails
from ..models import JobState, WarmJob
from ..progress import recorded_progress
from ..snapshot import FailureGroup, failure_groups, only
from ..targets import all_watched_fields
from .base import NOTHING, ReadOnlyAdmin, may_see

DETAIL_LENGTH = 90
# Jobs on the pages of the list. Filters and the search find every job.
MOST_LISTED = 10_000
# Groups of failures on their page. More of them than this would be one for each picture.
MOST_GROUPS = 200

# Where `job._state` keeps the page of the list that the job is on.
_PAGE_OF_LIST = "renditions_page"


class _IndexedFilter(admin.FieldListFilter):
    """Lets the list have the order of an index of its column: see `get_ordering`."""

    lookup_kwarg: str

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        chosen: Any = self.used_parameters.get(self.lookup_kwarg, [])
        if len(chosen) != 1 or not chosen[0]:
            return super().queryset(request, queryset)
        # Without the second condition, SQLite would not use the index of the kinds.
        one = queryset.filter(**only(self.field_path, chosen[0]))
        return one.filter(**{f"{self.field_path}__gt": ""})


class _StateFilter(_IndexedFilter, admin.ChoicesFieldListFilter):
    """Offers the states."""


class _CheapValuesFilter(_IndexedFilter, admin.AllValuesFieldListFilter):
    """Offers the values of a column without the query of Django, which reads every job."""

    def __init__(self, field: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(field, *args, **kwargs)
        self.lookup_choices = self.values(field.name)  # type: ignore[assignment]

    def values(self, column: str) -> list[str]:
        raise NotImplementedError


class _WatchedFilter(_CheapValuesFilter):
    """Offers the models, or the fields, of all that have jobs."""

    def values(self, column: str) -> list[str]:
        watched = all_watched_fields()
        names = ({"model_label": f.model._meta.label, "field_name": f.name} for f in watched)
        return sorted({each[column] for each in names})


class _ExistingFilter(_CheapValuesFilter):
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
class WarmJobAdmin(ReadOnlyAdmin):
    """Jobs that are queued, in progress or failed."""

    list_display = ("picture", "__str__", "object_link", "badge", "age", "reason")
    list_display_links = ("__str__",)
    list_filter = (
        ("state", _StateFilter),
        "takes",
        ("kind", _ExistingFilter),
        _AgeFilter,
        ("model_label", _WatchedFilter),
        ("field_name", _WatchedFilter),
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

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        response = super().changelist_view(request, extra_context)
        changelist = (getattr(response, "context_data", None) or {}).get("cl")
        if changelist is not None:
            # The rows of this list are the ones that the template will show.
            self._note_page(list(changelist.result_list), request)
        return response

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        job = kwargs.get("obj")
        if job is not None:
            self._note_page([job], request)
            may_retry = job.state == JobState.FAILED and self.has_act_permission(request)
            context["retry_url"] = self.url_of(WarmJob, "retry", job.pk) if may_retry else ""
            context |= self.links()
        return super().render_change_form(request, context, *args, **kwargs)

    def _note_page(self, jobs: Sequence[WarmJob], request: HttpRequest) -> None:
        page = _Page(jobs, lambda model: self._may_see(request, model))
        for job in jobs:
            # Not on the ModelAdmin, which all requests share.
            vars(job._state)[_PAGE_OF_LIST] = page

    def _may_see(self, request: HttpRequest, model: type[models.Model]) -> bool:
        """Whether the user may see objects of `model`, by the admin of the model if it has one."""
        if self.admin_site.is_registered(model):
            found = self.admin_site.get_model_admin(model)
            return bool(found.has_view_or_change_permission(request))
        return may_see(request, model)

    @admin.display(description=_("picture"))
    def picture(self, job: WarmJob) -> str | SafeString:
        """A rendition that is made already, if there is one."""
        url = _page_of(job).thumbnail(job)
        # The text is beside it.
        return format_html(thumbnails.IMAGE, url, "") if url else NOTHING

    @admin.display(description=_("object"), ordering="object_pk")
    def object_link(self, job: WarmJob) -> str | SafeString:
        """Link to the object, if the admin has a page for it."""
        instance = _page_of(job).instance(job)
        name = f"{job.model_label} {job.object_pk}"
        title = Truncator(str(instance)).chars(DETAIL_LENGTH) if instance is not None else name
        try:
            model = apps.get_model(job.model_label)
        except LookupError:
            return name
        url = self.url_of(model, "change", quote(job.object_pk))
        return format_html('<a href="{}" title="{}">{}</a>', url, name, title) if url else title

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


class _Page:
    """The jobs on one page of the list. Nothing is asked before the first column needs it."""

    def __init__(
        self, jobs: Sequence[WarmJob], may_see: Callable[[type[models.Model]], bool]
    ) -> None:
        self._jobs, self._may_see = jobs, may_see

    def instance(self, job: WarmJob) -> models.Model | None:
        """Return the object of `job`; None: it is gone, or the user may not see it."""
        return self._instances.get((job.model_label, job.object_pk))

    def thumbnail(self, job: WarmJob) -> str:
        """Return the URL of a rendition of the picture of `job`; empty if none is known."""
        return self._thumbnails.get(job.pk, "")

    @cached_property
    def _instances(self) -> dict[tuple[str, str], models.Model]:
        """One query for each model on the page."""
        wanted: dict[str, set[str]] = {}
        for job in self._jobs:
            wanted.setdefault(job.model_label, set()).add(job.object_pk)
        return {
            (label, str(pk)): instance
            for label, pks in wanted.items()
            for pk, instance in self._of_model(label, pks).items()
        }

    def _of_model(self, label: str, pks: Iterable[str]) -> dict[Any, models.Model]:
        try:
            model = apps.get_model(label)
        except LookupError:
            return {}
        if not self._may_see(model):
            return {}
        # All jobs of a list are in one database, which their objects are in, too.
        instances: models.QuerySet[Any] = model._base_manager.using(self._jobs[0]._state.db)
        return instances.in_bulk(list(_valid(model, pks)))

    @cached_property
    def _thumbnails(self) -> dict[int, str]:
        """One call to the cache of records."""
        shown = {job: image for job in self._jobs if (image := self._image(job))}
        found = recorded_progress([(image, job) for job, image in shown.items()])
        return {
            job.pk: thumbnails.thumbnail_of(progress)
            for job, progress in zip(shown, found, strict=True)
        }

    def _image(self, job: WarmJob) -> VersatileImageFieldFile | None:
        """Return the picture of `job`; None: a removal is about another one."""
        instance = self.instance(job)
        if instance is None or job.takes:
            return None
        image = getattr(instance, job.field_name, None)
        return image if isinstance(image, VersatileImageFieldFile) and image else None


def _page_of(job: WarmJob) -> _Page:
    found: _Page | None = vars(job._state).get(_PAGE_OF_LIST)
    # On no page of ours, nobody has asked whether the user may see the object.
    return found or _Page([job], lambda model: False)


def _valid(model: type[models.Model], pks: Iterable[str]) -> Iterator[str]:
    """Yield those of `pks` that can be keys of `model`."""
    for pk in pks:
        try:
            model._meta.pk.to_python(pk)
        except (ValidationError, ValueError):
            continue
        yield pk


def _details(paths_by_detail: dict[str, list[str]]) -> SafeString:
    rows = (
        (detail, format_html_join("", "<code>{}</code>", zip(paths)))
        for detail, paths in paths_by_detail.items()
    )
    return format_html_join("", '<p class="rendition-paths">{} {}</p>', rows)
