"""What is owed and what failed, the way to try it again, and bulk runs."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.db import models, transaction
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import ngettext

from renditions.fields import VersatileImageField

from . import dispatch, ledger, runs
from .models import COUNTS, SupersededJob, WarmJob, WarmRun
from .targets import all_warmed_fields

NOTHING = "-"
REASON_LENGTH = 90


class _ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The ledger is written by its transitions alone: to save a page would undo one."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether the user may choose an action: whoever may change rows, though no page can."""
        return super().has_change_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields]


@admin.register(WarmJob)
class WarmJobAdmin(_ReadOnlyAdmin):
    """What is queued, being warmed or failed."""

    list_display = ("__str__", "state", "reason", "attempts", "changed_at", "object_link")
    list_filter = ("state", "kind", "model_label", "field_name")
    search_fields = ("object_pk", "model_label", "error", "failures")
    actions = ("retry_failed",)
    list_per_page = 50
    show_full_result_count = False
    fields = (
        "object_link",
        "field_name",
        "state",
        "reasons",
        ("attempts", "due_at", "changed_at"),
        ("generation", "force", "run"),
        ("lease_worker", "lease_until"),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "object_link", "reasons"]

    @admin.display(description="object", ordering="object_pk")
    def object_link(self, job: WarmJob) -> str | SafeString:
        """Link to the object, where the admin has a page for it."""
        name = f"{job.model_label} {job.object_pk}"
        try:
            meta = apps.get_model(job.model_label)._meta
            page = f"admin:{meta.app_label}_{meta.model_name}_change"
            return format_html(
                '<a href="{}">{}</a>', reverse(page, args=[quote(job.object_pk)]), name
            )
        except (LookupError, NoReverseMatch):
            return name

    @admin.display(description="reason")
    def reason(self, job: WarmJob) -> str:
        """The first failure, in short."""
        return Truncator(job.error).chars(REASON_LENGTH) or NOTHING

    @admin.display(description="failed renditions")
    def reasons(self, job: WarmJob) -> str | SafeString:
        """Each failed path with its reason."""
        if not job.failures:
            return NOTHING
        paths: dict[tuple[str, str], list[str]] = {}
        for failure in job.failures:
            reason = failure["kind"], failure["reason"]
            paths.setdefault(reason, []).append(failure["path"] or "all")
        rows = (
            (kind, reason, format_html_join(mark_safe("<br>"), "<code>{}</code>", zip(of)))
            for (kind, reason), of in paths.items()
        )
        return format_html_join("", "<p>{}: {}<br>{}</p>", rows)

    @admin.action(description="Retry failed renditions", permissions=["act"])
    def retry_failed(self, request: HttpRequest, queryset: models.QuerySet[WarmJob]) -> None:
        """Queue the failed ones of the selection, or of all that match the filter, again."""
        chosen = queryset.count()
        retried = ledger.retry(queryset)
        transaction.on_commit(dispatch.send_sweep, using=queryset.db, robust=True)
        text = ngettext(
            "%(retried)d failed job is queued again; %(others)d of the selection had not failed.",
            "%(retried)d failed jobs are queued again; %(others)d of the selection had not failed.",
            retried,
        )
        level = messages.SUCCESS if retried else messages.WARNING
        self.message_user(request, text % {"retried": retried, "others": chosen - retried}, level)


class WarmRunForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which field to re-warm."""

    field = forms.ChoiceField(help_text="All of its instances are looked at.")

    class Meta:
        model = WarmRun
        fields = ("force",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fields = {field.label: field for field in all_warmed_fields()}
        self.fields["field"].choices = [(label, label) for label in self._fields]  # type: ignore[attr-defined]

    def clean_field(self) -> VersatileImageField:
        """Return the field; refuse one whose run is going on already."""
        field = self._fields[self.cleaned_data["field"]]
        if runs.unfinished(field).exists():
            raise forms.ValidationError(
                f"A bulk run over {field.label} is going on. Await, resume or cancel it first."
            )
        return field


@admin.register(WarmRun)
class WarmRunAdmin(_ReadOnlyAdmin):
    """Bulk runs and their counts. Adding one starts it."""

    form = WarmRunForm
    list_display = ("__str__", "state", "planned", "counts", "changed_at")
    list_filter = ("state", "model_label")
    actions = ("pause", "resume", "cancel")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[WarmRun]:
        counted = {
            "superseded_now": _number_of(SupersededJob),
            "outstanding_now": _number_of(WarmJob),
        }
        found: models.QuerySet[WarmRun] = super().get_queryset(request)
        return found.annotate(**counted)

    @admin.display(description="of which")
    def counts(self, run: Any) -> str:
        """Every count that is not 0; none of them costs a query."""
        numbers = {name: getattr(run, name) for name in COUNTS}
        numbers |= {"superseded": run.superseded_now, "outstanding": run.outstanding_now}
        return ", ".join(f"{n} {name}" for name, n in numbers.items() if n) or NOTHING

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else ("field", "force")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        return [*super().get_readonly_fields(request, obj), "superseded", "outstanding"]

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> WarmRun:
        """Start the run: whoever starts it, it is saved by the same code."""
        return runs.start(form.cleaned_data["field"], force=form.cleaned_data["force"])

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing is left to save."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is left to save."""

    @admin.action(description="Pause: begin nothing more", permissions=["act"])
    def pause(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        """Pause what is running."""
        self._turn(request, queryset, runs.pause, "paused")

    @admin.action(description="Resume where it was paused", permissions=["act"])
    def resume(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        """Resume what is paused."""
        self._turn(request, queryset, runs.resume, "resumed")

    @admin.action(description="Cancel: owe nothing of it any more", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: models.QuerySet[WarmRun]) -> None:
        """Cancel what has not ended."""
        self._turn(request, queryset, runs.cancel, "cancelled")

    def _turn(
        self,
        request: HttpRequest,
        queryset: models.QuerySet[WarmRun],
        turn: Callable[[WarmRun], bool],
        done: str,
    ) -> None:
        turned = [turn(run) for run in queryset]
        text = ngettext(
            "%(turned)d run %(done)s; %(others)d could not be.",
            "%(turned)d runs %(done)s; %(others)d could not be.",
            sum(turned),
        )
        counts = {"turned": sum(turned), "others": turned.count(False), "done": done}
        level = messages.SUCCESS if any(turned) else messages.WARNING
        self.message_user(request, text % counts, level)


def _number_of(model: type[SupersededJob | WarmJob]) -> Coalesce:
    """Count the rows of `model` that belong to a run."""
    of_run = model.objects.filter(run=models.OuterRef("pk")).order_by().values("run")
    return Coalesce(models.Subquery(of_run.annotate(n=models.Count("pk")).values("n")), 0)
