"""What is owed and what failed, and the way to try it again."""

from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.db import models, transaction
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from . import dispatch, ledger
from .models import WarmJob, WarmRun

NOTHING = "-"


class _ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The ledger is written by its transitions alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields]


@admin.register(WarmJob)
class WarmJobAdmin(_ReadOnlyAdmin):
    """What is queued, being warmed or failed."""

    list_display = ("object_link", "field_name", "state", "reason", "attempts", "changed_at")
    list_filter = ("state", "kind", "model_label", "field_name")
    search_fields = ("object_pk", "model_label", "error", "failures")
    actions = ("retry_failed",)
    list_per_page = 50
    show_full_result_count = False
    fields = (
        ("object_link", "field_name"),
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
        return job.error[:200] or NOTHING

    @admin.display(description="failed renditions")
    def reasons(self, job: WarmJob) -> str | SafeString:
        """Each failed path with its reason."""
        if not job.failures:
            return NOTHING
        rows = ((f["path"] or "all", f["kind"], f["reason"]) for f in job.failures)
        items = format_html_join("", "<li><code>{}</code><br>{}: {}</li>", rows)
        return format_html("<ul>{}</ul>", items)

    @admin.action(description="Retry failed renditions", permissions=["change"])
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


@admin.register(WarmRun)
class WarmRunAdmin(_ReadOnlyAdmin):
    """Bulk runs and their counts."""

    list_display = (
        "__str__", "state", "planned", "created", "current", "blank", "failed", "superseded",
        "outstanding", "changed_at",
    )  # fmt: skip
    list_filter = ("state", "model_label")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "superseded", "outstanding"]
