"""A list whose rows are about pictures: each with its object, and a rendition that is made."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from renditions.files import VersatileImageFieldFile

from .. import thumbnails
from ..models import IncompletePicture, WarmJob
from ..progress import recorded_progress
from ..targets import valid_keys
from .base import NOTHING, ReadOnlyAdmin, may_see

DETAIL_LENGTH = 90

About = WarmJob | IncompletePicture

# Where `row._state` keeps the page of the list that the row is on.
_PAGE_OF_LIST = "renditions_page"


class PicturesAdmin(ReadOnlyAdmin):
    """Has the columns `picture` and `object_link`."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        response = super().changelist_view(request, extra_context)
        changelist = (getattr(response, "context_data", None) or {}).get("cl")
        if changelist is not None:
            # The rows of this list are the ones that the template will show.
            self.note_page(list(changelist.result_list), request)
        return response

    def note_page(self, rows: Sequence[About], request: HttpRequest) -> None:
        """Let the columns of `rows` share their queries."""
        page = _Page(rows, lambda model: self._may_see(request, model))
        for row in rows:
            # Not on the ModelAdmin, which all requests share.
            vars(row._state)[_PAGE_OF_LIST] = page

    def _may_see(self, request: HttpRequest, model: type[models.Model]) -> bool:
        """Whether the user may see objects of `model`, by the admin of the model if it has one."""
        if self.admin_site.is_registered(model):
            found = self.admin_site.get_model_admin(model)
            return bool(found.has_view_or_change_permission(request))
        return may_see(request, model)

    @admin.display(description=_("picture"))
    def picture(self, row: About) -> str | SafeString:
        """A rendition that is made already, if there is one."""
        url = _page_of(row).thumbnail(row)
        # The text is beside it.
        return format_html(thumbnails.IMAGE, url, "") if url else NOTHING

    @admin.display(description=_("object"), ordering="object_pk")
    def object_link(self, row: About) -> str | SafeString:
        """Link to the object, if the admin has a page for it."""
        instance = _page_of(row).instance(row)
        name = f"{row.model_label} {row.object_pk}"
        title = Truncator(str(instance)).chars(DETAIL_LENGTH) if instance is not None else name
        try:
            model = apps.get_model(row.model_label)
        except LookupError:
            return name
        url = self.url_of(model, "change", quote(row.object_pk))
        return format_html('<a href="{}" title="{}">{}</a>', url, name, title) if url else title


class _Page:
    """The rows on one page of the list. Nothing is asked before the first column needs it."""

    def __init__(
        self, rows: Sequence[About], may_see: Callable[[type[models.Model]], bool]
    ) -> None:
        self._rows, self._may_see = rows, may_see

    def instance(self, row: About) -> models.Model | None:
        """Return the object of `row`; None: it is gone, or the user may not see it."""
        return self._instances.get((row.model_label, row.object_pk))

    def thumbnail(self, row: About) -> str:
        """Return the URL of a rendition of the picture of `row`; empty if none is known."""
        return self._thumbnails.get(row.pk, "")

    @cached_property
    def _instances(self) -> dict[tuple[str, str], models.Model]:
        """One query for each model on the page."""
        wanted: dict[str, set[str]] = {}
        for row in self._rows:
            wanted.setdefault(row.model_label, set()).add(row.object_pk)
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
        # All rows of a list are in one database, which their objects are in, too.
        instances: models.QuerySet[Any] = model._base_manager.using(self._rows[0]._state.db)
        return instances.in_bulk(list(valid_keys(model, pks)))

    @cached_property
    def _thumbnails(self) -> dict[int, str]:
        """One call to the cache of records."""
        shown = {row: image for row in self._rows if (image := self._image(row))}
        found = recorded_progress([(image, _job(row)) for row, image in shown.items()])
        return {
            row.pk: thumbnails.thumbnail_of(progress)
            for row, progress in zip(shown, found, strict=True)
        }

    def _image(self, row: About) -> VersatileImageFieldFile | None:
        """Return the picture of `row`; None: a removal is about another one."""
        instance = self.instance(row)
        if instance is None or (isinstance(row, WarmJob) and row.takes):
            return None
        image = getattr(instance, row.field_name, None)
        return image if isinstance(image, VersatileImageFieldFile) and image else None


def _page_of(row: About) -> _Page:
    found: _Page | None = vars(row._state).get(_PAGE_OF_LIST)
    # On no page of ours, nobody has asked whether the user may see the object.
    return found or _Page([row], lambda model: False)


def _job(row: About) -> WarmJob | None:
    return row if isinstance(row, WarmJob) else None
