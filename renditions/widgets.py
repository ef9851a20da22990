"""Form widgets to choose a file and its focal point."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.forms.widgets import ClearableFileInput, HiddenInput, MultiWidget, Select, Widget
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .accessors import RenditionFile
from .files import VersatileImageMixIn
from .imaging.geometry import Size
from .planning.keys import KeySize, RenditionKey, RenditionKeySet
from .ppoi import CENTRE_PPOI, CENTRE_TEXT, ppoi_text

logger = logging.getLogger(__name__)

PREVIEW = RenditionKey("thumbnail", KeySize(300, 300))
# Crops to show for a field that has none in its `warm` key sets.
DEFAULT_CROPS = (Size(100, 100), Size(200, 100), Size(100, 200))
MAX_CROPS = 6

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
    """Django's file input with a preview of the current picture."""

    template_name = "renditions/forms/image.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["preview_url"] = preview_url(value)
        return context

    def is_initial(self, value: Any) -> bool:
        """Whether the current picture has a URL to link to."""
        return bool(value) and isinstance(value, VersatileImageMixIn) and bool(_url_of(value))


class Bootstrap3ClearableFileInputWithImagePreview(ClearableFileInputWithImagePreview):
    """The widget under the name that the old package has for Bootstrap 3 pages."""


class SizedImageCenterpointWidgetMixIn:
    """For a MultiWidget of a file input and an input for the text of a focal point."""

    def decompress(self, value: Any) -> list[Any]:
        # An empty picture may share its focal point with another picture.
        point = ppoi_text(value.ppoi) if isinstance(value, VersatileImageMixIn) else None
        return [value or None, point]


class _PointSelect(Select):
    """A choice of nine points. If the current point is another one, it is a choice, too."""

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> Any:
        before = self.choices
        # Without its own choice, a point that a click has set would be lost by the next save.
        self.choices = [*CENTERPOINT_CHOICES, *_other_choices(value)]
        try:
            return super().optgroups(name, value, attrs)
        finally:
            self.choices = before


def _other_choices(value: Iterable[str]) -> Iterator[tuple[str, Any]]:
    known = dict(CENTERPOINT_CHOICES)
    for text in value:
        if text and text not in known:
            x, y = text.split("x", 1)
            yield text, _("Another point (%(x)s, %(y)s)") % {"x": x, "y": y}


class VersatileImagePPOISelectWidget(SizedImageCenterpointWidgetMixIn, MultiWidget):
    """A file input and a choice of nine points. It needs no JavaScript."""

    def __init__(self, widgets: Any = None, attrs: dict[str, Any] | None = None) -> None:
        select = _PointSelect({"aria-label": _("Focal point")}, choices=CENTERPOINT_CHOICES)
        super().__init__([ClearableFileInput(), select], attrs)

    def decompress(self, value: Any) -> list[Any]:
        # The choice needs a point for an empty picture, too.
        return [value, ppoi_text(value.ppoi if value else CENTRE_PPOI)]


class VersatileImagePPOIClickWidget(SizedImageCenterpointWidgetMixIn, MultiWidget):
    """A file input and the picture; mouse, touch or arrow keys set its focal point."""

    template_name = "renditions/forms/ppoi.html"
    container_class = ""
    # The label of the field belongs to the file input; the focal point has its own label.
    use_fieldset = False

    class Media:
        css = {"all": ("renditions/ppoi.css",)}
        js = ("renditions/ppoi.js",)

    def __init__(
        self,
        widgets: Any = None,
        attrs: dict[str, Any] | None = None,
        image_preview_template: str | None = None,
        file_widget: Widget | type[Widget] | None = None,
    ) -> None:
        """Take the arguments of a widget.

        Args:
            image_preview_template: Replaces the template of file input and picture.
            file_widget: A file input of the project. The picture and the point are shown below it.
        """
        file = file_widget or ClearableFileInputWithImagePreview(attrs={"class": "file-chooser"})
        if image_preview_template and isinstance(file, ClearableFileInputWithImagePreview):
            file.template_name = image_preview_template
        super().__init__((file, HiddenInput(attrs={"class": "ppoi-input"})), attrs)
        # The previews below the picture. A model field sets its own sizes.
        self.crops: tuple[Size, ...] = DEFAULT_CROPS

    def show_crops_of(self, key_set: RenditionKeySet) -> None:
        """Show previews of the crops in `key_set`; if it has none, of DEFAULT_CROPS."""
        sizes = dict.fromkeys(key.size.pixels for key in key_set.keys if key.size and _is_crop(key))
        self.crops = tuple(sizes)[:MAX_CROPS] or DEFAULT_CROPS

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        file, point = context["widget"]["subwidgets"]
        # Django sets it only on the outer widget.
        file["required"] = context["widget"]["required"]
        file["has_point"] = True
        shows_picture = isinstance(self.widgets[0], ClearableFileInputWithImagePreview)
        if not shows_picture:
            picture = value[0] if isinstance(value, list | tuple) else value
            file["preview_url"] = preview_url(picture)
        context["widget"] |= {
            "file": file,
            "point": point,
            "shows_picture": shows_picture,
            "crops": self.crops,
            "container_class": self.container_class,
        }
        return context

    def id_for_label(self, id_: str) -> str:
        """Return the id of the file input."""
        return f"{id_}_0" if id_ else id_


class SizedImageCenterpointClickDjangoAdminWidget(VersatileImagePPOIClickWidget):
    """The widget in the colours of the admin's theme."""

    container_class = "in-admin"


class SizedImageCenterpointClickBootstrap3Widget(VersatileImagePPOIClickWidget):
    """The widget for a Bootstrap 3 page."""

    container_class = "in-bootstrap"


def preview_url(value: Any) -> str:
    """Return the URL of the preview, and make it if it is missing; empty if it cannot be made.

    It is made even if ON_DEMAND is False, because no key set warms this size. A missing or broken
    picture must not break the form.
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
    return key.sizer in ("crop", "crop-down")
