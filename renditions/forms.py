"""Form fields for a picture, and for a picture with its focal point."""

from typing import Any, BinaryIO, cast

from django import forms
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.validators import FileExtensionValidator
from django.forms.boundfield import BoundField
from django.forms.widgets import MultiWidget, Widget
from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy

from . import conf
from .errors import RenditionError, SourceRefused
from .files import VersatileImageMixIn
from .imaging.formats import extensions_of, format_named
from .imaging.sources import decode, open_source
from .ppoi import CENTRE_TEXT, PPOI, parse_ppoi, ppoi_text
from .widgets import (
    SizedImageCenterpointClickBootstrap3Widget,
    SizedImageCenterpointClickDjangoAdminWidget,
    VersatileImagePPOIClickWidget,
)

# Values of the file in the cleaned data `(file, ppoi)`, besides a new file.
UNCHANGED = None
CLEARED = False


class UnmovedPoint(str):
    """The focal point that a form showed and got back."""

    __slots__ = ()


def refusal_text(error: RenditionError) -> str:
    """Return, for the person who uploads, why a picture is not accepted, in their language."""
    headline = gettext(error.headline)
    if not isinstance(error, SourceRefused):
        return headline  # the detail has the words of a decoder or a storage, in English
    values = {
        name: number_format(value, force_grouping=True) if isinstance(value, int) else value
        for name, value in error.detail_values.items()
    }
    return f"{headline} {gettext(error.detail_format).format(**values)}"


def validate_extension(file: Any) -> None:
    """Raise ValidationError (`invalid_extension`) if FORMATS has no format with this extension."""
    FileExtensionValidator(extensions_of(conf.limits().formats))(file)


class VersatileImageFormField(forms.ImageField):
    """Accepts an upload only if renditions can be made from it; the error gives the reason.

    The reason is replaced if the project has a message for `invalid_image`.
    """

    default_validators = [validate_extension]

    def to_python(self, data: Any) -> Any:
        """Return the file. Its content decides whether it is a picture, and not its name."""
        if data is not None and hasattr(data, "open"):
            # Another validation has read it to its end.
            data.open()
        file: Any = forms.FileField.to_python(self, data)
        if file is None:
            return None
        try:
            source = open_source(cast("BinaryIO", file), conf.limits())
        except RenditionError as error:
            raise ValidationError(self._refusal(error), code="invalid_image") from error
        file.seek(0)
        found = format_named(source.info.format)
        if found.package is not None:
            # Django would ask Pillow for a picture that Pillow cannot open.
            file.image, file.content_type = source.image, found.mime
            return file
        try:
            return super().to_python(data)
        except ValidationError:
            # Pillow verifies a PNG to its last chunk, which an incomplete one does not have.
            if not conf.limits().accepts_incomplete:
                raise
        self._annotate_incomplete(file)
        return file

    def _annotate_incomplete(self, file: Any) -> None:
        """Give `file` the attributes that Django gives it, if renditions can be made of it."""
        limits = conf.limits()
        try:
            source = open_source(file, limits)
            decode(source, limits)
        except RenditionError as error:
            raise ValidationError(self._refusal(error), code="invalid_image") from error
        file.image = source.image
        file.content_type = format_named(source.info.format).mime
        file.seek(0)

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        """Let people choose a file that their system does not know as a picture."""
        attrs = super().widget_attrs(widget)
        if "accept" in attrs:
            found = [format_named(name) for name in conf.limits().formats]
            others = [f".{each}" for row in found if row.package for each in row.extensions]
            attrs["accept"] = ",".join([attrs["accept"], *others])
        return attrs

    def _refusal(self, error: RenditionError) -> Any:
        message = self.error_messages["invalid_image"]
        is_own = message is not forms.ImageField.default_error_messages["invalid_image"]
        return message if is_own else refusal_text(error)


class PPOIFormField(forms.CharField):
    """A focal point as a text like `0.25x0.75`; cleaned data is a `PPOI`, or None if empty."""

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        return parse_ppoi(value)

    def prepare_value(self, value: Any) -> Any:
        return str(PPOI(value)) if isinstance(value, tuple) else value


class SizedImageCenterpointMixIn:
    """For a MultiValueField with the cleaned data `(file, ppoi)`."""

    def compress(self, data_list: Any) -> Any:
        return tuple(data_list)


class VersatileImagePPOIClickField(SizedImageCenterpointMixIn, forms.MultiValueField):
    """A picture and its focal point.

    The cleaned data is `(file, ppoi)`. The file is None if it is unchanged, and False if it is
    cleared. The focal point is a text like `0.25x0.75`, or None.
    """

    widget: type[Widget] = VersatileImagePPOIClickWidget
    # Both parts use them, so a message of the project holds, also if it is set later.
    default_error_messages = {
        **forms.FileField.default_error_messages,
        **forms.ImageField.default_error_messages,
    }
    # So an optional form field is valid for a model field that is required.
    empty_values = [*forms.Field.empty_values, (None, None)]

    def __init__(
        self,
        *args: Any,
        max_length: int | None = None,
        required: bool | None = None,
        widget: Widget | type[Widget] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the arguments of a form field.

        Args:
            required: None: in a ModelForm the model field decides, in other forms it is True.
            widget: For file and focal point, or for the file alone. In the second case the focal
                point is set below it.
        """
        fields = (
            VersatileImageFormField(label=gettext_lazy("Image"), max_length=max_length),
            forms.CharField(required=False),
        )
        super().__init__(
            fields,
            *args,
            require_all_fields=False,
            required=required is not False,
            widget=self._with_point(widget),
            **kwargs,
        )
        self._is_required_by_default = required is None
        self.fields[0].required = self.required
        self._initial: Any = None
        self._initial_ppoi = CENTRE_TEXT

    def _with_point(self, widget: Widget | type[Widget] | None) -> Widget | type[Widget] | None:
        """Return a widget for both parts; a widget for a file becomes its first part."""
        if widget is None or _is_of_parts(widget):
            return widget
        is_click = issubclass(self.widget, VersatileImagePPOIClickWidget)
        whole = self.widget if is_click else VersatileImagePPOIClickWidget
        return cast("type[VersatileImagePPOIClickWidget]", whole)(file_widget=widget)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        """Return the field in `form`, and remember the picture that the form starts with."""
        if self._is_required_by_default and _may_be_blank(form, field_name):
            self.required = self.widget.is_required = self.fields[0].required = False
        self._initial = form.get_initial_for_field(self, field_name)
        # Read now, because the form writes the new values to the instance later.
        is_ours = isinstance(self._initial, VersatileImageMixIn)
        self._initial_ppoi = ppoi_text(self._initial.ppoi) if is_ours else CENTRE_TEXT
        return super().get_bound_field(form, field_name)

    def clean(self, value: Any) -> Any:
        """Return `(file, ppoi)`.

        Raises:
            ValidationError: a required picture is missing, or the file is not accepted, or the
                text is not a focal point.
        """
        file, ppoi = self._parts(value)
        self.fields[0].required = self.required
        self.fields[0].error_messages |= self.error_messages
        cleaned = cast("forms.FileField", self.fields[0]).clean(file, self._initial)
        if file is None or cleaned is self._initial:
            cleaned = UNCHANGED
        return self.compress([cleaned, self._point(ppoi) if ppoi else None])

    def _point(self, sent: str) -> str:
        point = ppoi_text(parse_ppoi(sent))
        return UnmovedPoint(point) if point == self._initial_ppoi else point

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the values to show in a form with errors.

        A browser does not send a chosen file again, so the form shows the initial picture and its
        focal point. If there is no initial picture, the user chooses the same file again: then the
        form shows the new focal point.
        """
        if not _is_of_parts(self.widget):
            return initial
        file, ppoi = self._parts(data)
        is_of_lost_file = file and self._initial
        return [initial, self._initial_ppoi if is_of_lost_file else ppoi or self._initial_ppoi]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the file, or the focal point of the picture, has changed. No file is opened."""
        if self.disabled:
            return False
        file, ppoi = self._parts(data)
        is_moved = bool(self._initial and ppoi and ppoi != self._initial_ppoi)
        return file is not None or is_moved

    def _parts(self, value: Any) -> tuple[Any, str | None]:
        # A form may replace the widget of the finished field by one for the file alone.
        file, ppoi = value if isinstance(value, list | tuple) else (value, None)
        # Django gives a disabled field its initial value as data.
        return (None if file is self._initial else file), ppoi or None


class SizedImageCenterpointClickDjangoAdminField(VersatileImagePPOIClickField):
    """The field in the style of the admin."""

    widget: type[Widget] = SizedImageCenterpointClickDjangoAdminWidget


class SizedImageCenterpointClickBootstrap3Field(SizedImageCenterpointClickDjangoAdminField):
    """The field in the style of a Bootstrap 3 page."""

    widget = SizedImageCenterpointClickBootstrap3Widget


def _is_of_parts(widget: Widget | type[Widget]) -> bool:
    """Whether `widget` has a part for the file and a part for the focal point."""
    kind = widget if isinstance(widget, type) else type(widget)
    return issubclass(kind, MultiWidget)


def _may_be_blank(form: forms.BaseForm, field_name: str) -> bool:
    model = getattr(getattr(form, "_meta", None), "model", None)
    if model is None:
        return False
    try:
        return bool(model._meta.get_field(field_name).blank)
    except FieldDoesNotExist:
        return False
