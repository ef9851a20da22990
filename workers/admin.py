"""The admin: what is queued or failed and why, how to retry it, and bulk runs."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import F, Min
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from renditions.fields import VersatileImageField
from renditions.inventory.scopes import all_image_fields, can_find_orphans

from . import dispatch, ledger, runs
from .models import COMPUTED_COUNTS, COUNTS, DAY_S, RunKind, SupersededJob, WarmJob, WarmRun
from .targets import all_warmed_fields, all_watched_fields

NOTHING = "-"
DETAIL_LENGTH = 90
# Jobs on the pages of the list. Filters and the search find every job.
MOST_LISTED = 10_000


class _ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Only the transitions of the ledger write its rows: saving a form would undo one."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether the user may run actions: the "change" permission, which opens no form here."""
        return super().has_change_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields]


class _CheapValuesFilter(admin.AllValuesFieldListFilter):
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
        later = WarmJob.objects.filter(**{f"{column}__gt": last})
        return later.aggregate(next=Min(column))["next"] or ""


class _BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no more jobs than anybody looks through: to count millions takes seconds."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list.order_by()[:MOST_LISTED].count())  # type: ignore[attr-defined]


@admin.register(WarmJob)
class WarmJobAdmin(_ReadOnlyAdmin):
    """Jobs that are queued, in progress or failed."""

    list_display = ("__str__", "state", "reason", "attempts", "changed_at", "object_link")
    list_filter = (
        "state",
        "takes",
        ("kind", _ExistingFilter),
        ("model_label", _WatchedFilter),
        ("field_name", _WatchedFilter),
    )
    search_fields = ("object_pk", "model_label", "headline", "detail", "failures")
    actions = ("retry_failed",)
    list_per_page = 50
    paginator = _BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count every job
    fields = (
        "object_link",
        "field_name",
        ("takes", "removed_name"),
        "state",
        "reasons",
        ("attempts", "due_at", "changed_at"),
        ("generation", "force", "run"),
        ("lease_worker", "lease_until"),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "object_link", "reasons"]

    @admin.display(description=_("object"), ordering="object_pk")
    def object_link(self, job: WarmJob) -> str | SafeString:
        """Link to the object, if the admin has a page for it."""
        name = f"{job.model_label} {job.object_pk}"
        try:
            meta = apps.get_model(job.model_label)._meta
            page = f"admin:{meta.app_label}_{meta.model_name}_change"
            return format_html(
                '<a href="{}">{}</a>', reverse(page, args=[quote(job.object_pk)]), name
            )
        except (LookupError, NoReverseMatch):
            return name

    @admin.display(description=_("reason"), ordering="headline")
    def reason(self, job: WarmJob) -> str | SafeString:
        """The first failure: its headline, and its detail below."""
        detail = Truncator(job.detail).chars(DETAIL_LENGTH)
        if not job.headline:
            return detail or NOTHING
        return format_html("{}<br><small>{}</small>", gettext(job.headline), detail)

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

    @admin.action(description=_("Retry failed renditions"), permissions=["act"])
    def retry_failed(self, request: HttpRequest, queryset: models.QuerySet[WarmJob]) -> None:
        """Queue the failed jobs of the selection again."""
        retried = ledger.retry(queryset)
        transaction.on_commit(dispatch.send_sweep, using=queryset.db, robust=True)
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


def _details(paths_by_detail: dict[str, list[str]]) -> SafeString:
    rows = (
        (detail, format_html_join(mark_safe("<br>"), "<code>{}</code>", zip(paths)))
        for detail, paths in paths_by_detail.items()
    )
    return format_html_join("", "<p>{}<br>{}</p>", rows)


class WarmRunForm(forms.ModelForm):  # type: ignore[type-arg]
    """The field to re-warm or to prune."""

    field = forms.ChoiceField(
        label=_("field"), help_text=_("The run looks at all objects that have this field.")
    )
    min_age_days = forms.IntegerField(
        label=_("minimum age in days"),
        min_value=1,
        initial=1,
        required=False,
        help_text=_("Younger files are kept: an object may name them soon."),
    )

    class Meta:
        model = WarmRun
        fields = ("kind", "force", "orphans")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fields = {field.label: field for field in all_image_fields()}
        self._warmed = {field.label for field in all_warmed_fields()}
        # A client may send the field alone. The page of a run has no form.
        if "kind" in self.fields:
            self.fields["kind"].required = False
        # Those that can be re-warmed first.
        labels = sorted(self._fields, key=lambda label: (label not in self._warmed, label))
        self.fields["field"].choices = [(label, label) for label in labels]  # type: ignore[attr-defined]

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or RunKind.WARM

    def clean_min_age_days(self) -> int:
        return self.cleaned_data["min_age_days"] or 1

    def clean(self) -> dict[str, Any]:
        """Refuse a field that the run cannot work on, and one that has an unfinished run."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        field = self._fields.get(cleaned.get("field", ""))
        if field is None or "kind" not in cleaned:
            return cleaned
        kind = RunKind(cleaned["kind"])
        if kind is RunKind.WARM and field.label not in self._warmed:
            self.add_error("field", _("This field declares no renditions to make."))
        elif runs.unfinished(field, kind=kind).exists():
            self.add_error("field", _unfinished(field))
        elif cleaned.get("orphans") and not can_find_orphans(field):
            self.add_error("orphans", _("The originals of this field cannot be told from others."))
        return {**cleaned, "field": field}


def _unfinished(field: VersatileImageField) -> forms.ValidationError:
    return forms.ValidationError(
        _("A bulk run for %(field)s is not finished. Wait for it, resume it or cancel it first."),
        code="unfinished",
        params={"field": field.label},
    )


@admin.register(WarmRun)
class WarmRunAdmin(_ReadOnlyAdmin):
    """Bulk runs and their counts. Adding a run starts it."""

    form = WarmRunForm
    list_display = ("__str__", "kind", "state", "planned", "counts", "changed_at")
    list_filter = ("kind", "state", "model_label")
    actions = ("pause", "resume", "cancel")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[WarmRun]:
        rows = SupersededJob.objects.filter(run=models.OuterRef("pk")).order_by().values("run")
        number = models.Subquery(rows.annotate(n=models.Count("pk")).values("n"))
        found: models.QuerySet[WarmRun] = super().get_queryset(request)
        return found.annotate(superseded_now=F("superseded_counted") + Coalesce(number, 0))

    @admin.display(description=_("results"))
    def counts(self, run: Any) -> str:
        """Every count that is not 0; none of them costs a query."""
        numbers = run.counts_with(run.superseded_now)
        labels = {**COUNTS, **COMPUTED_COUNTS}
        # Not "2 created": in French and Spanish the word would depend on the number.
        return ", ".join(f"{labels[name]}: {n}" for name, n in numbers.items() if n) or NOTHING

    @admin.display(description=COMPUTED_COUNTS["superseded"])
    def superseded(self, run: WarmRun) -> int:
        return run.superseded

    @admin.display(description=COMPUTED_COUNTS["outstanding"])
    def outstanding(self, run: WarmRun) -> int:
        return run.outstanding

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return self.get_readonly_fields(request, obj)
        return ("kind", "field", "force", "orphans", "min_age_days")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        stored = super().get_readonly_fields(request, obj)
        return [name for name in stored if name != "superseded_counted"] + [*COMPUTED_COUNTS]

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> WarmRun:
        """Start the run: `runs` creates the row, as for every other caller."""
        given = form.cleaned_data
        if given["kind"] == RunKind.WARM:
            return runs.start(given["field"], force=given["force"])
        min_age_s = given["min_age_days"] * DAY_S
        return runs.start_prune(given["field"], orphans=given["orphans"], min_age_s=min_age_s)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: `save_form` has saved the run."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: a run has no related objects in the form."""

    @admin.action(description=_("Pause: start no more jobs"), permissions=["act"])
    def pause(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        self._report(
            request,
            map(runs.pause, queryset),
            ngettext_lazy(
                "%(count)d bulk run was paused.", "%(count)d bulk runs were paused.", "count"
            ),
            ngettext_lazy(
                "%(count)d bulk run was not paused, because it is not running.",
                "%(count)d bulk runs were not paused, because they are not running.",
                "count",
            ),
        )

    @admin.action(description=_("Resume paused runs"), permissions=["act"])
    def resume(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        self._report(
            request,
            map(runs.resume, queryset),
            ngettext_lazy(
                "%(count)d bulk run was resumed.", "%(count)d bulk runs were resumed.", "count"
            ),
            ngettext_lazy(
                "%(count)d bulk run was not resumed, because it is not paused.",
                "%(count)d bulk runs were not resumed, because they are not paused.",
                "count",
            ),
        )

    @admin.action(description=_("Cancel: delete the jobs that wait"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        self._report(
            request,
            map(runs.cancel, queryset),
            ngettext_lazy(
                "%(count)d bulk run was cancelled.", "%(count)d bulk runs were cancelled.", "count"
            ),
            ngettext_lazy(
                "%(count)d bulk run was not cancelled, because it has ended.",
                "%(count)d bulk runs were not cancelled, because they have ended.",
                "count",
            ),
        )

    def _report(
        self, request: HttpRequest, results: Iterable[bool], done_text: Any, refused_text: Any
    ) -> None:
        """Say how many runs the action has changed, and how many it could not."""
        changed = list(results)
        for text, count, level in (
            (done_text, changed.count(True), messages.SUCCESS),
            (refused_text, changed.count(False), messages.WARNING),
        ):
            if count:
                self.message_user(request, text % {"count": count}, level)
