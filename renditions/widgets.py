"""Form widgets: choose a file, and the point in it that every crop keeps."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.forms.widgets import ClearableFileInput, HiddenInput, MultiWidget, Select
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .accessors import RenditionFile
from .files import VersatileImageMixIn
from .imaging.geometry import Size
from .planning.keys import RenditionKey, RenditionKeySet
from .ppoi import CENTRE_PPOI, CENTRE_TEXT, ppoi_text

logger = logging.getLogger(__name__)

PREVIEW = RenditionKey("thumbnail", Size(300, 300))
# For fields that declare nothing to warm: what a focal point is for.
SHAPES = (Size(100, 100), Size(200, 100), Size(100, 200))
MOST_CROPS = 6

CENTERPOINT_CHOICES: tuple[tuple[str, str | Promise], ...] = (
    ("0.0x0.0", _("Top left")),
    ("0.5x0.0", _("Top centre")),
    ("1.0x0.0", _("Top right")),
    ("0.0x0.5", _("Middle left")),
    (CENTRE_TEXT, _("Centre")),
    ("1.0x0.5", _("Middle right")),
    ("0.0x1.0", _("Bottom left")),
    ("0.5x1.0", _("Bottom centre")),
    ("1.0x1.0", _("Bottom right")),
)


class ClearableFileInputWithImagePreview(ClearableFileInput):
    """Django's own, with the picture that there is."""

    template_name = "renditions/forms/image.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template shows; a missing or broken picture breaks nothing."""
        context = super().get_context(name, value, attrs)
        context["widget"]["preview_url"] = preview_url(value)
        return context

    def is_initial(self, value: Any) -> bool:
        """Whether there is a picture that can be looked at."""
        return bool(value) and isinstance(value, VersatileImageMixIn) and bool(_url_of(value))


class Bootstrap3ClearableFileInputWithImagePreview(ClearableFileInputWithImagePreview):
    """The same, on a Bootstrap 3 page."""


class SizedImageCenterpointWidgetMixIn:
    """For a MultiWidget: a file input beside something that gives a focal point as text."""

    def decompress(self, value: Any) -> list[Any]:
        """Return the picture and its focal point."""
        return [value, ppoi_text(value.ppoi)] if value else [None, None]


class _PointSelect(Select):
    """Nine points, and the one that there is if it is another."""

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> Any:
        """Return the choices; a point that a click has set is not lost by a save."""
        known = dict(CENTERPOINT_CHOICES)
        before = self.choices
        self.choices = [*CENTERPOINT_CHOICES, *_others(value, known)]
        try:
            return super().optgroups(name, value, attrs)
        finally:
            self.choices = before


def _others(value: Iterable[str], known: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for text in value:
        if text and text not in known:
            x, y = text.split("x", 1)
            yield text, _("Another point (%(x)s, %(y)s)") % {"x": x, "y": y}


class VersatileImagePPOISelectWidget(SizedImageCenterpointWidgetMixIn, MultiWidget):
    """A file input and a choice of nine points; needs no JavaScript."""

    def __init__(self, widgets: Any = None, attrs: dict[str, Any] | None = None) -> None:
        select = _PointSelect({"aria-label": _("Focal point")}, choices=CENTERPOINT_CHOICES)
        super().__init__([ClearableFileInput(), select], attrs)

    def decompress(self, value: Any) -> list[Any]:
        """Return the picture and its focal point; that of no picture is the centre."""
        return [value, ppoi_text(value.ppoi if value else CENTRE_PPOI)]


class VersatileImagePPOIClickWidget(SizedImageCenterpointWidgetMixIn, MultiWidget):
    """A file input, the picture, and a point on it that is set by mouse, touch or arrow keys."""

    template_name = "renditions/forms/ppoi.html"
    container_class = ""
    # The field's label is that of the file; the point has its own.
    use_fieldset = False

    class Media:
        css = {"all": ("renditions/ppoi.css",)}
        js = ("renditions/ppoi.js",)

    def __init__(
        self,
        widgets: Any = None,
        attrs: dict[str, Any] | None = None,
        image_preview_template: str | None = None,
    ) -> None:
        preview = ClearableFileInputWithImagePreview(attrs={"class": "file-chooser"})
        if image_preview_template:
            preview.template_name = image_preview_template
        super().__init__((preview, HiddenInput(attrs={"class": "ppoi-input"})), attrs)
        # What the crops show; a model field says what its own are.
        self.crops: tuple[Size, ...] = SHAPES

    def show_crops_of(self, key_set: RenditionKeySet) -> None:
        """Show the sizes that `key_set` crops to, each once; without any, three shapes."""
        sizes = dict.fromkeys(key.size for key in key_set.keys if key.size and _is_crop(key))
        self.crops = tuple(sizes)[:MOST_CROPS] or SHAPES

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template shows."""
        context = super().get_context(name, value, attrs)
        file, point = context["widget"]["subwidgets"]
        # Django tells only the whole of it.
        file["required"] = context["widget"]["required"]
        file["has_point"] = True
        context["widget"] |= {
            "file": file,
            "point": point,
            "crops": self.crops,
            "container_class": self.container_class,
        }
        return context

    def id_for_label(self, id_: str) -> str:
        """Return the id of the file input."""
        return f"{id_}_0" if id_ else id_


class SizedImageCenterpointClickDjangoAdminWidget(VersatileImagePPOIClickWidget):
    """The same, in the colours of the admin's theme."""

    container_class = "in-admin"


class SizedImageCenterpointClickBootstrap3Widget(VersatileImagePPOIClickWidget):
    """The same, on a Bootstrap 3 page."""

    container_class = "in-bootstrap"


def preview_url(value: Any) -> str:
    """Return where a small version of the picture is, made now if need be; empty if nowhere.

    It is made even where pages make nothing on demand: nobody else asks for this size.
    """
    if not value or not isinstance(value, VersatileImageMixIn):
        return ""
    picture = replace(value.picture, create_on_demand=True)
    try:
        return RenditionFile(picture, PREVIEW).url
    except (OSError, ValueError, SuspiciousOperation) as error:
        logger.warning("No preview of %s: %s", value.name, error)
        return ""


def _url_of(value: Any) -> str:
    try:
        return str(value.url)
    except (OSError, ValueError, SuspiciousOperation):
        return ""


def _is_crop(key: RenditionKey) -> bool:
    return key.sizer == "crop"
