"""Model fields."""

import logging
import posixpath
from collections.abc import Iterable
from typing import Any

from django.contrib.admin.widgets import AdminFileWidget
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.utils.translation import gettext_lazy as _

from . import conf
from .engine.warming import WarmReport, warm
from .files import StoredName, VersatileImageFieldFile, VersatileImageFileDescriptor
from .forms import SizedImageCenterpointClickDjangoAdminField, VersatileImageFormField
from .imaging.geometry import CENTRE
from .placeholder import PlaceholderImage, publish_once
from .planning.keys import RenditionKeySet
from .planning.paths import colliding_name, placeholder_path, shortened
from .planning.plans import Original, plan_key_set
from .ppoi import CENTRE_PPOI, CENTRE_TEXT, PPOI, parse_ppoi, ppoi_text
from .signals import field_added
from .storage import storage_label
from .validators import validate_ppoi
from .widgets import VersatileImagePPOIClickWidget

__all__ = ["PPOIField", "VersatileImageField"]

logger = logging.getLogger(__name__)


class VersatileImageField(models.ImageField):
    """An image field whose pictures have renditions.

    Args:
        ppoi_field: Name of the PPOIField beside it; without one every crop is centred.
        placeholder_image: What is shown where there is no picture, in all its renditions.
        warm: Names of the rendition key sets to make after a save, one or several. It says how
            the picture is served, not what is stored: changing it needs no migration.
    """

    attr_class = VersatileImageFieldFile
    descriptor_class = VersatileImageFileDescriptor
    description = _("Image with renditions")

    def __init__(
        self,
        verbose_name: Any = None,
        name: str | None = None,
        width_field: str | None = None,
        height_field: str | None = None,
        ppoi_field: str | None = None,
        placeholder_image: PlaceholderImage | None = None,
        warm: str | Iterable[str] = (),
        **kwargs: Any,
    ) -> None:
        self.ppoi_field = ppoi_field
        self.placeholder_image = placeholder_image
        self.warm = (warm,) if isinstance(warm, str) else tuple(warm)
        super().__init__(verbose_name, name, width_field, height_field, **kwargs)

    def from_db_value(self, value: Any, *args: Any) -> Any:
        return StoredName(value) if isinstance(value, str) else value

    def contribute_to_class(  # type: ignore[override]
        self, cls: type[models.Model], name: str, **kwargs: Any
    ) -> None:
        super().contribute_to_class(cls, name, **kwargs)
        field_added.send(sender=cls)

    @property
    def label(self) -> str:
        """`app.Model.field`."""
        return f"{self.model._meta.label}.{self.name}"

    def declared_key_set(self, names: Iterable[str] | None = None) -> RenditionKeySet:
        """Return the union of the sets called `names`, by default of those made after a save.

        Raises:
            ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: as `manage.py check` reports.
        """
        keys = (
            key
            for name in (self.warm if names is None else names)
            for key in conf.key_set(name).keys
        )
        return RenditionKeySet(tuple((str(key), key) for key in dict.fromkeys(keys)))

    @property
    def placeholder_image_name(self) -> str | None:
        """Path of the placeholder on the field's storage; None where there is none."""
        if self.placeholder_image is None:
            return None
        return placeholder_path(self.placeholder_image.placeholder_name, conf.layout())

    @property
    def placeholder(self) -> Original | None:
        """The placeholder as plans see it: always centred."""
        name = self.placeholder_image_name
        return Original(self.label, storage_label(self.storage), name, CENTRE) if name else None

    def publish_placeholder(self) -> bool:
        """Put the placeholder on the field's storage; whether it was put there just now."""
        if not self.placeholder_image or not self.placeholder_image_name:
            return False
        return publish_once(self.placeholder_image, self.storage, self.placeholder_image_name)

    def process_placeholder_image(self) -> None:
        """Put the placeholder on the field's storage, under the name that old code calls."""
        self.publish_placeholder()

    def warm_placeholder(self, key_set: RenditionKeySet, *, force: bool = False) -> WarmReport:
        """Make the placeholder's renditions."""
        self.publish_placeholder()
        if self.placeholder is None:
            return WarmReport()
        plans = plan_key_set(self.placeholder, key_set, conf.style)
        return warm(self.storage, plans, force=force)

    def generate_filename(self, instance: models.Model, filename: Any) -> str:
        """Return a name that has room for its renditions, which are no other picture's."""
        name = shortened(super().generate_filename(instance, filename))
        other = colliding_name(name)
        if other is None or not self.storage.exists(other):
            return name
        stem, extension = posixpath.splitext(name)
        return self.storage.get_alternative_name(stem, extension)

    def update_dimension_fields(
        self, instance: models.Model, force: bool = False, *args: Any, **kwargs: Any
    ) -> None:
        """Keep the sides beside the picture; a missing file breaks no page, and leaves them."""
        try:
            super().update_dimension_fields(instance, force, *args, **kwargs)
        except OSError as error:
            logger.warning("The sides of a picture of %s are unknown: %s", self.label, error)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        """Take what a form sent: a file, or `(file, ppoi)`.

        A file of None stays as it is, one of False or an empty text is taken away.
        """
        if not isinstance(data, tuple):
            super().save_form_data(instance, data)
            return
        file, ppoi = data
        if file is not None:
            super().save_form_data(instance, file)
        if ppoi and file is not False and self.ppoi_field:
            setattr(instance, self.ppoi_field, ppoi)

    def formfield(self, **kwargs: Any) -> Any:
        """Return a form field; with a PPOI field beside, one that sets the point, too."""
        if not self.ppoi_field:
            return super().formfield(**{"form_class": VersatileImageFormField, **kwargs})
        if kwargs.get("widget") is AdminFileWidget:
            # The admin's default for image fields, not a wish of the project's.
            del kwargs["widget"]
        defaults = {"form_class": SizedImageCenterpointClickDjangoAdminField, **kwargs}
        made = super().formfield(**defaults)
        if made is not None and isinstance(made.widget, VersatileImagePPOIClickWidget):
            made.widget.show_crops_of(self.declared_key_set())
        return made

    def pre_save(self, model_instance: models.Model, add: bool) -> VersatileImageFieldFile:
        """Commit the file; what belongs to a picture goes where there is none."""
        # Django calls it once or twice for one save: what is done here may be done again.
        file: VersatileImageFieldFile = super().pre_save(model_instance, add)
        if not file:
            # Pages that may cost nothing will show it, so it is put there now.
            if self.publish_placeholder():
                self.warm_placeholder(self.declared_key_set())
            if self.ppoi_field:
                # A focal point belongs to a picture: the next one starts at the centre.
                setattr(model_instance, self.ppoi_field, None)
        return file


class _StoredPPOI(tuple[float, float]):
    """A focal point as a column held it, which is never rounded: files are named by it."""


class _PPOIAttribute(DeferredAttribute):
    """Keeps the instance's value a tuple, whatever is assigned."""

    field: "PPOIField"

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = self.field.to_python(value)


class PPOIField(models.CharField):  # type: ignore[type-arg]
    """The focal point of a picture: a tuple (x, y) in Python, `0.5x0.5` in the database.

    Set it on the picture (`person.headshot.ppoi`) or on the instance: it is one value.
    """

    description = _("Focal point of an image")
    descriptor_class = _PPOIAttribute

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["default"] = ppoi_text(parse_ppoi(kwargs.get("default", CENTRE_TEXT)))
        kwargs.setdefault("max_length", 20)
        # Set through the image's form field, not by a field of its own.
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)
        self.validators = [*self.validators, validate_ppoi]  # type: ignore[list-item]

    def from_db_value(self, value: str | None, *args: Any) -> PPOI:
        """Return the tuple; NULL, an empty text, and one that is no focal point are the centre.

        A row that something else has written must not keep others from being read.
        """
        try:
            return _StoredPPOI(parse_ppoi(value or CENTRE_TEXT))
        except ValidationError as error:
            logger.warning("%s: %s", self, " ".join(error.messages))
            return CENTRE_PPOI

    def to_python(self, value: Any) -> PPOI:
        """Return the tuple; one that was not read from a column is rounded to what that holds.

        Raises:
            ValidationError: code `invalid_ppoi`.
        """
        if isinstance(value, _StoredPPOI):
            return value
        point = parse_ppoi(CENTRE_PPOI if value is None else value)
        if self.max_length is None or len(ppoi_text(point)) <= self.max_length:
            return point
        # "0." stands twice, and an "x" between.
        digits = (self.max_length - 5) // 2
        return round(point[0], digits), round(point[1], digits)

    def get_prep_value(self, value: Any) -> Any:
        """Return the text that the database holds."""
        return ppoi_text(value) if isinstance(value, tuple) else value

    def value_to_string(self, obj: models.Model) -> str:
        """Return the text that a fixture holds."""
        return str(self.get_prep_value(self.value_from_object(obj)))
