"""Incomplete pictures that were accepted: which, and how much of each is there."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models import IncompletePicture
from .filters import WatchedFilter
from .pictures import PicturesAdmin


@admin.register(IncompletePicture)
class IncompletePictureAdmin(PicturesAdmin):
    """Pictures whose file lacks its end."""

    list_display = ("picture", "name", "object_link", "field_name", "rows", "noticed_at")
    list_display_links = ("name",)
    list_filter = (("model_label", WatchedFilter), ("field_name", WatchedFilter))
    search_fields = ("object_pk", "name")
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "rendition_workers/list.html"
    fields = ("object_link", "picture", "field_name", "name", "rows", "noticed_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.fields)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if kwargs.get("obj") is not None:
            self.note_page([kwargs["obj"]], request)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("rows"), ordering="share_of_rows")
    def rows(self, row: IncompletePicture) -> str:
        """The share of its rows of pixels that the file has, rounded down."""
        percent = int(row.share_of_rows * 1000) / 10
        return gettext("%(number)s %%") % {"number": number_format(percent, 1)}
