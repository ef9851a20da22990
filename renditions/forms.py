"""Form fields: a file and its focal point, as `(file, ppoi)`."""

from typing import Any, BinaryIO, cast

from django import forms
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.forms.boundfield import BoundField
from django.forms.widgets import MultiWidget, Widget
from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy

from . import conf
from .errors import RenditionError, SourceRefused
from .imaging.sources import probe
from .ppoi import CENTRE_TEXT, parse_ppoi, ppoi_text
from .widgets import (
    SizedImageCenterpointClickBootstrap3Widget,
    SizedImageCenterpointClickDjangoAdminWidget,
    VersatileImagePPOIClickWidget,
)

# What the file part of a form's answer says besides a new file.
UNCHANGED = None
CLEARED = False


def refusal_text(error: RenditionError) -> str:
    """Return, for the person who uploads, why a picture is not accepted, in their language."""
    headline = gettext(error.headline)
    if not isinstance(error, SourceRefused):
        return headline  # the detail holds the words of a decoder or of a storage
    values = {
        name: number_format(value, force_grouping=True) if isinstance(value, int) else value
        for name, value in error.detail_values.items()
    }
    return f"{headline} {gettext(error.detail_format).format(**values)}"


class VersatileImageFormField(forms.ImageField):
    """An uploaded picture, refused with the reason if no rendition could be made of it."""

    def to_python(self, data: Any) -> Any:
        """Return the file; its content, not its name, says what it is."""
        if data is not None and hasattr(data, "open"):
            # Checked before, it is at its end.
            data.open()
        file = forms.FileField.to_python(self, data)
        if file is None:
            return None
        try:
            probe(cast("BinaryIO", file), conf.limits())
        except RenditionError as error:
            raise ValidationError(refusal_text(error), code="invalid_image") from error
        file.seek(0)
        return super().to_python(data)


class SizedImageCenterpointMixIn:
    """For a MultiValueField: its cleaned data is `(file, ppoi)`."""

    def compress(self, data_list: Any) -> Any:
        """Return the two answers as one value."""
        return tuple(data_list)


class VersatileImagePPOIClickField(SizedImageCenterpointMixIn, forms.MultiValueField):
    """A picture and the point in it that every crop keeps.

    Cleaned data is `(file, ppoi)`: the file is None where it stays as it is and False where it is
    taken away, the point is a text like `0.25x0.75` or None.
    """

    widget: type[Widget] = VersatileImagePPOIClickWidget
    # A form that asks for no picture need not satisfy a model that does.
    empty_values = [*forms.Field.empty_values, (None, None)]

    def __init__(
        self,
        *args: Any,
        max_length: int | None = None,
        required: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Take a form field's arguments.

        Args:
            required: By default, in the form of a model, what the model says.
        """
        fields = (
            VersatileImageFormField(label=gettext_lazy("Image"), max_length=max_length),
            forms.CharField(required=False),
        )
        super().__init__(
            fields, *args, require_all_fields=False, required=required is not False, **kwargs
        )
        self._is_required_by_default = required is None
        self.fields[0].required = self.required
        self._initial: Any = None
        self._initial_ppoi = CENTRE_TEXT

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        """Return the field in `form`; that there is a picture already decides what is required."""
        if self._is_required_by_default and _may_be_blank(form, field_name):
            self.required = self.widget.is_required = self.fields[0].required = False
        self._initial = form.get_initial_for_field(self, field_name)
        # Now, before the form writes what was sent to the instance.
        self._initial_ppoi = ppoi_text(self._initial.ppoi) if self._initial else CENTRE_TEXT
        return super().get_bound_field(form, field_name)

    def clean(self, value: Any) -> Any:
        """Return `(file, ppoi)`.

        Raises:
            ValidationError: no picture where one is required, or a file that is none, or a text
                that is no focal point.
        """
        file, ppoi = self._parts(value)
        self.fields[0].required = self.required
        cleaned = cast("forms.FileField", self.fields[0]).clean(file, self._initial)
        if file is None or cleaned is self._initial:
            cleaned = UNCHANGED
        return self.compress([cleaned, ppoi_text(parse_ppoi(ppoi)) if ppoi else None])

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what the form shows when it comes back with an error.

        A browser does not send a chosen file twice, so the picture is the one before; the point
        stays where it was put, unless it was a point in the file that is gone.
        """
        file, ppoi = self._parts(data)
        return [initial, self._initial_ppoi if file else ppoi or self._initial_ppoi]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether a file was sent or taken away, or the point moved; opens no file."""
        if self.disabled:
            return False
        file, ppoi = self._parts(data)
        return file is not None or bool(ppoi and ppoi != self._initial_ppoi)

    def _parts(self, value: Any) -> tuple[Any, str | None]:
        if not isinstance(value, list | tuple):
            value = cast("MultiWidget", self.widget).decompress(value)
        file, ppoi = value
        # A disabled field is given its initial value as data.
        return (None if file is self._initial else file), ppoi or None


class SizedImageCenterpointClickDjangoAdminField(VersatileImagePPOIClickField):
    """The same, as the admin shows it."""

    widget: type[Widget] = SizedImageCenterpointClickDjangoAdminWidget


class SizedImageCenterpointClickBootstrap3Field(SizedImageCenterpointClickDjangoAdminField):
    """The same, on a Bootstrap 3 page."""

    widget = SizedImageCenterpointClickBootstrap3Widget


def _may_be_blank(form: forms.BaseForm, field_name: str) -> bool:
    model = getattr(getattr(form, "_meta", None), "model", None)
    if model is None:
        return False
    try:
        return bool(model._meta.get_field(field_name).blank)
    except FieldDoesNotExist:
        return False
