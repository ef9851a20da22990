"""What the pages of the admin have in common."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from ..models import IncompletePicture, Overview, WarmJob, WarmRun

NOTHING = "-"
MEDIA = forms.Media(
    css={"all": ["rendition_workers/panel.css", "rendition_workers/overview.css"]},
)
LIVE = forms.Media(js=["rendition_workers/live.js", "rendition_workers/overview.js"])


def may_see(request: HttpRequest, model: Any) -> bool:
    """Whether the user has the "view" or the "change" permission of `model`."""
    label, name = model._meta.app_label, model._meta.model_name
    return any(request.user.has_perm(f"{label}.{verb}_{name}") for verb in ("view", "change"))


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Only the transitions of the ledger write its rows: saving a form would undo one."""

    @property
    def media(self) -> forms.Media:
        return super().media + MEDIA

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

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, {**self.links(), **(extra_context or {})})

    def links(self) -> dict[str, str]:
        """Return the addresses of our pages for templates; empty: this site does not have it."""
        return {
            "overview_url": self.url_of(Overview, "changelist"),
            "jobs_url": self.url_of(WarmJob, "changelist"),
            "failures_url": self.url_of(WarmJob, "failures"),
            "incomplete_url": self.url_of(IncompletePicture, "changelist"),
            "runs_url": self.url_of(WarmRun, "changelist"),
            "act_on_run_url": self.url_of(WarmRun, "act"),
        }

    def url_of(self, model: Any, view: str, *args: Any) -> str:
        """Return the address of a view in this site; empty if it has none."""
        meta = model._meta
        name = f"admin:{meta.app_label}_{meta.model_name}_{view}"
        try:
            return reverse(name, args=args, current_app=self.admin_site.name)
        except NoReverseMatch:
            return ""
