"""Pictures in the admin of a project: columns for its list, and a live panel for its form."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from renditions import conf as library
from renditions.fields import VersatileImageField
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet, RenditionKey

from . import enqueue
from .progress import Progress, ProgressState, RenditionProgress, progress_of_fields
from .targets import warmed_fields
from .thumbnails import IMAGE, shown, thumbnail_of

MEDIA = forms.Media(
    css={"all": ["rendition_workers/panel.css"]},
    js=["rendition_workers/live.js", "rendition_workers/panel.js"],
)
PAGE = "rendition_workers/change_form.html"
PANEL = "rendition_workers/panel.html"
SCRIPT = "XMLHttpRequest"  # in the header `X-Requested-With` of each request of the script

# Where `instance._state` keeps the page of the list that the instance is on.
_PAGE_OF_LIST = "renditions_page"


class RenditionsAdminMixin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows the renditions of each object in the admin of its model.

    It comes before every other base class, whichever `ModelAdmin` that is:

        @admin.register(Person)
        class PersonAdmin(RenditionsAdminMixin, admin.ModelAdmin):
            list_display = ["name", "rendition_thumbnail", "rendition_state"]

    The two columns cost one query and one call to the cache for a page of the list, whatever its
    length and however many fields. The page of an object shows a panel below its fields: the state
    of every rendition, why it is not made, and a button to try again. While a job waits or is in
    progress, a script keeps the panel up to date.

    The panel is added to the page that Django has prepared, so `fields`, `fieldsets`,
    `readonly_fields`, `get_form`, inlines and `change_form_template` of a project stay as they are.
    Its place is the block `after_field_sets` of the template.

    The panel is shown to everyone who may see the object. Only who may change it can try again.
    """

    # Names of image fields; None: all that declare `warm`.
    rendition_fields: Sequence[str] | None = None
    # The rendition of the thumbnail: its name in a key set, or its key. None: the smallest one that
    # is made and is not blurred.
    rendition_thumbnail_key: str | None = None

    @property
    def media(self) -> forms.Media:
        return super().media + MEDIA

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        return [*super().check(**kwargs), *_problems(self)]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.rendition_panel_view)
        panel = path("<path:object_id>/renditions/", view, name=self._url_name("renditions"))
        return [panel, *super().get_urls()]

    # ---- list ----------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        response = super().changelist_view(request, extra_context)
        changelist = (getattr(response, "context_data", None) or {}).get("cl")
        if changelist is not None:
            # The rows of this list are the ones that the template will show.
            _Page(list(changelist.result_list), self._rendition_fields).note_on_instances()
        return response

    @admin.display(description=_("picture"))
    def rendition_thumbnail(self, instance: models.Model) -> SafeString | None:
        """One thumbnail for each field that has a picture."""
        urls = [self._thumbnail(field, found) for field, found in self._found(instance)]
        return format_html_join("", IMAGE, ((url, instance) for url in urls if url)) or None

    @admin.display(description=_("renditions"))
    def rendition_state(self, instance: models.Model) -> SafeString | None:
        """The state of each field that has a picture, and the first reason of a failure."""
        found = [(field, each) for field, each in self._found(instance) if each.renditions]
        if len(found) == 1:
            return _state(found[0][1])
        rows = ((capfirst(field.verbose_name), _state(each)) for field, each in found)
        return format_html_join(mark_safe("<br>"), "{}: {}", rows) or None

    def _found(self, instance: models.Model) -> Iterator[tuple[VersatileImageField, Progress]]:
        """Yield each field with its progress on `instance`, of the list or on its own."""
        page: _Page | None = vars(instance._state).get(_PAGE_OF_LIST)
        if page is None or id(instance) not in page.progress:
            # On no list of ours: for example on a page of the project, or a copy.
            page = _Page([instance], self._rendition_fields)
        for field in self._rendition_fields:
            yield field, page.progress[id(instance)][field.name]

    def _thumbnail(self, field: VersatileImageField, progress: Progress) -> str:
        """Return the URL of a rendition that is made; empty if there is none to show."""
        if self.rendition_thumbnail_key:
            wanted: Iterable[RenditionKey] = _keys_named(field, self.rendition_thumbnail_key)
            urls = [each.url for each in shown(progress) if each.key in wanted]
            return urls[0] if urls else ""
        return thumbnail_of(progress)

    # ---- form ----------------------------------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        response = super().render_change_form(request, context, add, change, form_url, obj)
        # Without an object: a new one, or a copy (`save_as`) with an error.
        if obj is not None and isinstance(response, TemplateResponse) and self._has_panel(request):
            self._add_panel(request, response, obj)
        return response

    def _has_panel(self, request: HttpRequest) -> bool:
        """Whether the page shows an object as it is.

        A page of django-reversion shows an old version, in a transaction that is rolled back.
        """
        match = request.resolver_match
        return bool(match and str(match.url_name).endswith("_change") and self._rendition_fields)

    def _add_panel(self, request: HttpRequest, response: TemplateResponse, obj: Any) -> None:
        """Let the page of `response` be the parent template of one with the panel."""
        if request.method == "POST":
            # A form with errors has changed the instance, but not the row.
            obj = self.get_object(request, str(obj.pk))
            if obj is None:
                return
        try:
            address = self._url_of("renditions", obj)
        except NoReverseMatch:
            return  # an admin without URLs of its own, for example one that another one calls
        response.context_data = {
            **(response.context_data or {}),
            **self._panel(request, obj),
            "renditions_parent": response.resolve_template(response.template_name),
            "renditions_address": address,
            # It says whether the page is a popup, and which filters its list has.
            "renditions_query": request.META.get("QUERY_STRING", ""),
        }
        response.template_name = PAGE

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def rendition_panel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the panel of an object as a piece of HTML; POST tries a field again."""
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            raise Http404
        if request.method == "POST":
            self._retry(request, obj)
            if request.headers.get("X-Requested-With") != SCRIPT:
                query = request.META.get("QUERY_STRING", "")
                page = self._url_of("change", obj)
                return HttpResponseRedirect(f"{page}?{query}" if query else page)
        return TemplateResponse(request, PANEL, self._panel(request, obj))

    def _retry(self, request: HttpRequest, obj: models.Model) -> None:
        """Try the field again that the request names, and say what happened."""
        if not self.has_change_permission(request, obj):
            raise PermissionDenied
        name = request.POST.get("renditions_field")
        field = next((each for each in self._rendition_fields if each.name == name), None)
        if field is None:
            raise Http404
        is_queued = enqueue.retry(obj, field)
        if request.headers.get("X-Requested-With") == SCRIPT:
            return  # the panel shows the new state
        text = (
            gettext("The renditions were queued again.")
            if is_queued
            else gettext("Nothing was queued: the renditions are made, or a job is waiting.")
        )
        level = messages.SUCCESS if is_queued else messages.WARNING
        self.message_user(request, text, level)

    def _panel(self, request: HttpRequest, obj: models.Model) -> dict[str, Any]:
        """Return the context of the panel."""
        fields = self._rendition_fields
        [found] = progress_of_fields([obj], {field.name: None for field in fields})
        return {
            "renditions": [FieldPanel(field, found[field.name]) for field in fields],
            "may_retry_renditions": self.has_change_permission(request, obj),
        }

    # ---- both ----------------------------------------------------------------------------------

    @property
    def _rendition_fields(self) -> tuple[VersatileImageField, ...]:
        fields = warmed_fields(self.model)
        if self.rendition_fields is None:
            return fields
        by_name = {field.name: field for field in fields}
        return tuple(by_name[name] for name in self.rendition_fields if name in by_name)

    def _url_name(self, view: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{view}"

    def _url_of(self, view: str, obj: models.Model) -> str:
        name = f"admin:{self._url_name(view)}"
        return reverse(name, args=[quote(obj.pk)], current_app=self.admin_site.name)


class _Page:
    """The instances on one page of a list. Nothing is asked before the first column needs it."""

    def __init__(
        self, instances: Sequence[models.Model], fields: Iterable[VersatileImageField]
    ) -> None:
        self._instances, self._fields = instances, fields

    def note_on_instances(self) -> None:
        # Not on the ModelAdmin, which all requests share.
        for instance in self._instances:
            vars(instance._state)[_PAGE_OF_LIST] = self

    @cached_property
    def progress(self) -> dict[int, dict[str, Progress]]:
        """The progress of each field, by the `id()` of the instance."""
        key_sets = {field.name: None for field in self._fields}
        found = progress_of_fields(self._instances, key_sets, trusts_jobs=True)
        return {id(each): row for each, row in zip(self._instances, found, strict=True)}


@dataclass(frozen=True, slots=True)
class FieldPanel:
    """The part of the panel that is about one field."""

    field: VersatileImageField
    progress: Progress

    @property
    def state(self) -> ProgressState:
        return self.progress.state

    @property
    def can_be_retried(self) -> bool:
        return self.state is ProgressState.FAILED

    @property
    def rows(self) -> Iterator["RenditionRow"]:
        """Each rendition, in the order of the key sets."""
        names = _names(self.field)
        for each in self.progress.renditions:
            yield RenditionRow(names.get(each.key, str(each.key)), each, self.state)

    @property
    def common_reason(self) -> str:
        """The reason of all failures, to be read once; empty if they have several, or one row."""
        return self._common([each.reason for each in self.progress.failed])

    @property
    def common_detail(self) -> str:
        """The detail of all failures, as `common_reason`."""
        return self._common([each.detail for each in self.progress.failed])

    def _common(self, texts: Sequence[str]) -> str:
        return texts[0] if len(texts) > 1 and len(set(texts)) == 1 else ""


@dataclass(frozen=True, slots=True)
class RenditionRow:
    """One rendition on the panel."""

    name: str  # in a key set of the field
    rendition: RenditionProgress
    state_of_field: ProgressState

    @property
    def state(self) -> ProgressState:
        return ProgressState.DONE if self.rendition.is_made else self.state_of_field


def _names(field: VersatileImageField) -> dict[RenditionKey, str]:
    """Return the name of each key in the key sets of `field`; the first if there are several."""
    names: dict[RenditionKey, str] = {}
    for key_set in field.warm:
        for name, key in library.key_set(key_set):
            names.setdefault(key, name)
    return names


def _keys_named(field: VersatileImageField, wanted: str) -> set[RenditionKey]:
    """Return the keys of `field` that `wanted` names: by a name in a key set, or as a key."""
    return {
        key
        for key_set in field.warm
        for name, key in library.key_set(key_set)
        if not key.is_original and (name == wanted or str(key) == wanted)
    }


def _state(progress: Progress) -> SafeString:
    state = format_html(
        '<span class="rendition-state {}">{}</span>', progress.state, progress.state.label
    )
    if not progress.reasons or progress.state is not ProgressState.FAILED:
        return state
    return format_html('{} <small class="rendition-reason">{}</small>', state, progress.reasons[0])


def _problems(model_admin: RenditionsAdminMixin) -> Iterator[CheckMessage]:
    """Yield what is wrong with the attributes of `model_admin`."""
    known = {field.name: field for field in warmed_fields(model_admin.model)}
    chosen = known if model_admin.rendition_fields is None else model_admin.rendition_fields
    for name in chosen:
        if name not in known:
            yield Error(
                f"'rendition_fields' names {name!r}, which is no image field of "
                f"{model_admin.opts.label} with `warm`. Known: {', '.join(known) or 'none'}.",
                obj=model_admin.__class__,
                id="rendition_workers.E050",
            )
    wanted = model_admin.rendition_thumbnail_key
    fields = [known[name] for name in chosen if name in known]
    if wanted and not any(_may_have(field, wanted) for field in fields):
        yield Error(
            f"'rendition_thumbnail_key' is {wanted!r}, but no key set in `warm` has this name or "
            "this key.",
            obj=model_admin.__class__,
            id="rendition_workers.E051",
        )


def _may_have(field: VersatileImageField, wanted: str) -> bool:
    try:
        return bool(_keys_named(field, wanted))
    except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet):
        return True  # another check reports the key set
