"""Bulk runs: how far each is, how to start, pause, resume and cancel one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_POST

from renditions.fields import VersatileImageField
from renditions.inventory.scopes import all_image_fields, can_find_orphans

from .. import runs
from ..models import (
    COMPUTED_COUNTS,
    COUNTS,
    DAY_S,
    JobState,
    RunKind,
    SupersededJob,
    WarmJob,
    WarmRun,
)
from ..snapshot import run_now
from ..targets import all_warmed_fields, databases_with_ledger
from .base import LIVE, NOTHING, ReadOnlyAdmin


@dataclass(frozen=True, slots=True)
class Action:
    """What a button or an action of the list does with bulk runs."""

    do: Callable[[WarmRun], bool]
    done: Any  # how many were changed
    refused: Any  # how many were not, and why


ACTIONS = {
    "pause": Action(
        runs.pause,
        ngettext_lazy(
            "%(count)d bulk run was paused.", "%(count)d bulk runs were paused.", "count"
        ),
        ngettext_lazy(
            "%(count)d bulk run was not paused, because it is not running.",
            "%(count)d bulk runs were not paused, because they are not running.",
            "count",
        ),
    ),
    "resume": Action(
        runs.resume,
        ngettext_lazy(
            "%(count)d bulk run was resumed.", "%(count)d bulk runs were resumed.", "count"
        ),
        ngettext_lazy(
            "%(count)d bulk run was not resumed, because it is not paused.",
            "%(count)d bulk runs were not resumed, because they are not paused.",
            "count",
        ),
    ),
    "cancel": Action(
        runs.cancel,
        ngettext_lazy(
            "%(count)d bulk run was cancelled.", "%(count)d bulk runs were cancelled.", "count"
        ),
        ngettext_lazy(
            "%(count)d bulk run was not cancelled, because it has ended.",
            "%(count)d bulk runs were not cancelled, because they have ended.",
            "count",
        ),
    ),
}

# The counts that the page of a run shows.
PRUNE_COUNTS = (("kept", "deleted", "failed"), "deleted_bytes")
WARM_COUNTS = (
    ("created", "current", "blank"),
    ("failed", "superseded", "cancelled"),
    "outstanding",
)


class WarmRunForm(forms.ModelForm):  # type: ignore[type-arg]
    """The field to re-warm or to prune."""

    field = forms.ChoiceField(
        label=capfirst(_("field")),
        help_text=_("The run looks at all objects that have this field."),
    )
    min_age_days = forms.IntegerField(
        label=capfirst(_("minimum age in days")),
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
class WarmRunAdmin(ReadOnlyAdmin):
    """Bulk runs and their counts. Adding a run starts it."""

    form = WarmRunForm
    list_display = ("__str__", "kind", "badge", "planned", "counts", "changed_at")
    list_filter = ("kind", "state", "model_label")
    actions = ("pause", "resume", "cancel")
    change_list_template = "rendition_workers/list.html"
    change_form_template = "rendition_workers/run.html"

    @property
    def media(self) -> forms.Media:
        return super().media + LIVE

    def get_urls(self) -> list[Any]:
        act = self.admin_site.admin_view(self.act_view)
        return [path("act/", act, name="rendition_workers_warmrun_act"), *super().get_urls()]

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

    @admin.display(description=_("state"), ordering="state")
    def badge(self, run: WarmRun) -> SafeString:
        return format_html(
            '<span class="rendition-state {}">{}</span>', run.state, run.get_state_display()
        )

    @admin.display(description=_("field"))
    def field_label(self, run: WarmRun) -> str:
        return f"{run.model_label}.{run.field_name}"

    @admin.display(description=COMPUTED_COUNTS["superseded"])
    def superseded(self, run: WarmRun) -> int:
        return run.superseded

    @admin.display(description=COMPUTED_COUNTS["outstanding"])
    def outstanding(self, run: WarmRun) -> int:
        return run.outstanding

    # ---- page of a run -------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: WarmRun | None = None) -> Any:
        if obj is None:
            fields = ("kind", "field", "force", "orphans", "min_age_days")
            return ((None, {"fields": fields}),)
        is_prune = obj.kind == RunKind.PRUNE
        options = ("orphans", "min_age_s") if is_prune else ("force",)
        counts = PRUNE_COUNTS if is_prune else WARM_COUNTS
        what = ("field_label", "kind", "state", *options)
        trouble = [name for name in ("last_error", "waits_for_release") if getattr(obj, name)]
        return (
            (None, {"fields": (*what, *trouble)}),
            (_("Results"), {"fields": ("planned", *counts)}),
            (_("Times"), {"fields": ("started_at", "resumed_at", "changed_at")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        return [*super().get_readonly_fields(request, obj), "field_label", *COMPUTED_COUNTS]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run = kwargs.get("obj")
        if run is not None:
            of_run = {"run__id__exact": run.pk}
            failed = {
                "state__exact": JobState.FAILED.value,
                "model_label": run.model_label,
                "field_name": run.field_name,
            }
            jobs_url = self.url_of(WarmJob, "changelist")
            context |= {
                **self.links(),
                "run": run_now(run),
                "may_act": self.has_act_permission(request),
                "jobs_of_run_url": jobs_url and f"{jobs_url}?{urlencode(of_run)}",
                "failures_of_run_url": jobs_url and f"{jobs_url}?{urlencode(failed)}",
            }
        return super().render_change_form(request, context, *args, **kwargs)

    # ---- start ---------------------------------------------------------------------------------

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

    # ---- pause, resume, cancel -----------------------------------------------------------------

    @admin.action(description=_("Pause: start no more jobs"), permissions=["act"])
    def pause(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        self._act(request, "pause", queryset)

    @admin.action(description=_("Resume paused runs"), permissions=["act"])
    def resume(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        self._act(request, "resume", queryset)

    @admin.action(description=_("Cancel: delete the jobs that wait"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        self._act(request, "cancel", queryset)

    @method_decorator(require_POST)
    def act_view(self, request: HttpRequest) -> HttpResponse:
        """Do what a button says, `action:database:key of the run`, and go back to its page."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        name, _colon, place = request.POST.get("run", "").partition(":")
        using, _colon, pk = place.rpartition(":")
        if name not in ACTIONS or using not in databases_with_ledger() or not pk.isdecimal():
            raise Http404
        run = WarmRun.objects.using(using).filter(pk=int(pk)).first()
        if run is None:
            raise Http404
        self._act(request, name, [run])
        back = request.POST.get("back", "")
        if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
            back = self.url_of(WarmRun, "changelist")
        return HttpResponseRedirect(back)

    def _act(self, request: HttpRequest, name: str, chosen: Iterable[WarmRun]) -> None:
        """Change the runs; say how many were changed, and how many could not."""
        action = ACTIONS[name]
        changed = [action.do(run) for run in chosen]
        for text, count, level in (
            (action.done, changed.count(True), messages.SUCCESS),
            (action.refused, changed.count(False), messages.WARNING),
        ):
            if count:
                self.message_user(request, text % {"count": count}, level)
