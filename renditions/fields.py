"""The model fields `VersatileImageField` and `PPOIField`."""

import logging
import posixpath
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.admin.widgets import AdminFileWidget
from django.core.exceptions import ValidationError
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.utils.translation import gettext_lazy as _

from . import conf
from .engine.warming import WarmReport, warm
from .files import (
    StoredName,
    VersatileImageFieldFile,
    VersatileImageFileDescriptor,
    shares_point,
)
from .forms import (
    PPOIFormField,
    SizedImageCenterpointClickDjangoAdminField,
    UnmovedPoint,
    VersatileImageFormField,
)
from .imaging.geometry import CENTRE
from .meta import PictureMetaField
from .placeholder import PlaceholderImage, publish_once
from .planning.keys import RenditionKeySet
from .planning.paths import colliding_name, placeholder_path, shortened
from .planning.plans import Original, plan_key_set
from .ppoi import CENTRE_PPOI, CENTRE_TEXT, PPOI, parse_ppoi, ppoi_text
from .settings_table import Cleanup, UntilReady
from .signals import field_added, name_chosen
from .storage import Storages
from .storage.disk import is_folder
from .validators import validate_ppoi
from .widgets import VersatileImagePPOIClickWidget

__all__ = ["PPOIField", "PictureMetaField", "VersatileImageField"]

logger = logging.getLogger(__name__)


class VersatileImageField(models.ImageField):
    """An image field whose pictures have renditions.

    Args:
        ppoi_field: Name of a PPOIField of the same model; without it every crop is centred.
        placeholder_image: Shown instead of an empty picture; it has all the renditions, too.
        warm: Name or names of the rendition key sets to make after a save.
        rendition_storage: Where the renditions are: an alias of `STORAGES`, a storage, or a
            function that returns one. None: the setting `STORAGE`, or else where the originals are.
        cleanup: What a worker takes away when a picture was replaced, cleared or deleted:
            `"renditions"`, or `"all"` for the original, too; None: nothing. The default is the
            setting `CLEANUP`.
        meta_field: Name of a PictureMetaField of the same model: a worker writes the size, the
            dominant colour and a ThumbHash of the picture to it, for pages.
        until_ready: What tags show until a rendition is made: `"url"`, `"original"`, `"nearest"`,
            `"placeholder"` or `"nothing"`. None: the setting `UNTIL_READY`.

    The arguments that Django does not have change no column, so a change needs no migration.
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
        rendition_storage: "str | Storage | Callable[[], Storage] | None" = None,
        cleanup: Any = models.NOT_PROVIDED,
        meta_field: str | None = None,
        until_ready: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.ppoi_field = ppoi_field
        self.meta_field = meta_field
        self.chosen_until_ready = until_ready
        self.placeholder_image = placeholder_image
        self.warm = (warm,) if isinstance(warm, str) else tuple(warm)
        self.chosen_rendition_storage = rendition_storage
        self.chosen_cleanup = cleanup
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
        """The text `app.Model.field`, which names the field in records, checks and commands."""
        return f"{self.model._meta.label}.{self.name}"

    @property
    def storages(self) -> Storages:
        """The storage of the originals, and that of the renditions.

        Raises:
            InvalidStorageError: `STORAGES` lacks the alias; `manage.py check` reports it.
        """
        chosen = self.chosen_rendition_storage or conf.rendition_settings().storage
        if chosen is None:
            return Storages.both_on(self.storage)
        if isinstance(chosen, str):
            return Storages(self.storage, storages[chosen])
        return Storages(self.storage, chosen() if callable(chosen) else chosen)

    @property
    def cleanup(self) -> Cleanup | None:
        """What is taken away when a row no longer shows a picture; None: nothing."""
        chosen = self.chosen_cleanup
        if chosen is models.NOT_PROVIDED:
            chosen = conf.rendition_settings().cleanup
        # `checks` reports any other value.
        return next((each for each in Cleanup if each == chosen), None)

    @property
    def until_ready(self) -> UntilReady:
        """What tags show until a rendition is made."""
        chosen = self.chosen_until_ready or conf.rendition_settings().until_ready
        # `checks` reports any other value.
        return next((each for each in UntilReady if each == chosen), UntilReady.URL)

    def declared_key_set(self, names: Iterable[str] | None = None) -> RenditionKeySet:
        """Return the union of the key sets `names`; None: the sets in `warm`.

        Raises:
            ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: `manage.py check` reports it.
        """
        return conf.declared_key_set(tuple(self.warm if names is None else names))

    @property
    def placeholder_image_name(self) -> str | None:
        """Path of the placeholder on the field's storage; None: the field has no placeholder."""
        if self.placeholder_image is None:
            return None
        return placeholder_path(self.placeholder_image.placeholder_name, conf.layout())

    @property
    def placeholder(self) -> Original | None:
        """The original that the renditions of the placeholder are made from; always centred."""
        name = self.placeholder_image_name
        if name is None:
            return None
        originals, renditions = self.storages.labels
        return Original(self.label, originals, name, CENTRE, renditions=renditions)

    def publish_placeholder(self) -> bool:
        """Write the placeholder to the field's storage; return whether it was written now."""
        if not self.placeholder_image or not self.placeholder_image_name:
            return False
        return publish_once(self.placeholder_image, self.storage, self.placeholder_image_name)

    def process_placeholder_image(self) -> None:
        """The old package's name for `publish_placeholder`."""
        self.publish_placeholder()

    def warm_placeholder(self, key_set: RenditionKeySet, *, force: bool = False) -> WarmReport:
        """Make the renditions of the placeholder."""
        self.publish_placeholder()
        if self.placeholder is None:
            return WarmReport()
        plans = plan_key_set(self.placeholder, key_set, conf.style)
        return warm(self.storages, plans, force=force)

    def generate_filename(self, instance: models.Model, filename: Any) -> str:
        """Return a name whose renditions fit the file system and collide with no other picture."""
        name = shortened(super().generate_filename(instance, filename))
        other = colliding_name(name)
        stem, extension = posixpath.splitext(name)
        # Forms refuse a picture without an extension. So on a remote storage, where each question
        # takes time, only a save of such a picture asks.
        is_asked = not extension or is_folder(self.storage)
        collides = other is not None and is_asked and self.storage.exists(other)
        if collides or self._needs_other_name(instance, name):
            # Not the method of a storage that overwrites files: it returns the same name.
            return Storage.get_alternative_name(self.storage, stem, extension)
        return name

    def _needs_other_name(self, instance: models.Model, name: str) -> bool:
        answers = name_chosen.send(sender=self, name=name, instance=instance)
        return any(needs_other_name for _, needs_other_name in answers)

    def update_dimension_fields(
        self, instance: models.Model, force: bool = False, *args: Any, **kwargs: Any
    ) -> None:
        """Set the width and height fields. If the file is missing, they keep their values."""
        try:
            super().update_dimension_fields(instance, force, *args, **kwargs)
        except OSError as error:
            logger.warning("%s: the size of a picture cannot be read: %s", self.label, error)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        """Assign the cleaned data of a form field: a file, or `(file, ppoi)`.

        A file of None leaves the picture as it is. False or an empty text clears it.
        """
        if not isinstance(data, tuple):
            super().save_form_data(instance, data)
            return
        file, ppoi = data
        if file is not None:
            super().save_form_data(instance, file)
        elif not getattr(instance, self.name):
            # Not None: old code compares the name of an empty picture with "".
            setattr(instance, self.name, "")
        # The form has the point once for each picture that shares it. Only the one that was moved
        # counts.
        is_moved = ppoi and not isinstance(ppoi, UnmovedPoint)
        if is_moved and file is not False and self.ppoi_field:
            setattr(instance, self.ppoi_field, ppoi)

    def formfield(self, **kwargs: Any) -> Any:
        """Return a form field. With a PPOI field, it also sets the focal point."""
        if not self.ppoi_field:
            return super().formfield(**{"form_class": VersatileImageFormField, **kwargs})
        if kwargs.get("widget") is AdminFileWidget and "form_class" not in kwargs:
            # This is the default of the admin for image fields, and not a choice of the project.
            del kwargs["widget"]
        defaults = {"form_class": SizedImageCenterpointClickDjangoAdminField, **kwargs}
        form_field = super().formfield(**defaults)
        if form_field is not None and isinstance(form_field.widget, VersatileImagePPOIClickWidget):
            form_field.widget.show_crops_of(self.declared_key_set())
        return form_field

    def pre_save(self, model_instance: models.Model, add: bool) -> VersatileImageFieldFile:
        """Commit the file. For an empty picture, publish the placeholder and clear the PPOI."""
        # Django may call it twice for one save, so all of it can be repeated.
        file: VersatileImageFieldFile = super().pre_save(model_instance, add)
        if not file:
            # Pages will show the placeholder, and they may not be allowed to create it.
            if self.publish_placeholder():
                self.warm_placeholder(self.declared_key_set())
            if self.ppoi_field and not shares_point(self, model_instance):
                # A focal point belongs to one picture: the next one starts at the centre.
                setattr(model_instance, self.ppoi_field, None)
        return file


class _StoredPPOI(PPOI):
    """A focal point from a column. It is never rounded, because file names contain its text."""


class _PPOIAttribute(DeferredAttribute):
    """Converts each assigned value to a tuple."""

    field: "PPOIField"

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = self.field.to_python(value)


class PPOIField(models.CharField):  # type: ignore[type-arg]
    """The focal point of a picture: a tuple (x, y) in Python, `0.5x0.5` in the database.

    `person.headshot.ppoi` and the attribute of the instance are one value; set either of them.
    """

    description = _("Focal point of an image")
    descriptor_class = _PPOIAttribute

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["default"] = ppoi_text(parse_ppoi(kwargs.get("default", CENTRE_TEXT)))
        kwargs.setdefault("max_length", 20)
        # The form field of the image sets it, so it needs no form field of its own.
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)
        self.validators = [*self.validators, validate_ppoi]  # type: ignore[list-item]

    def contribute_to_class(  # type: ignore[override]
        self, cls: type[models.Model], name: str, **kwargs: Any
    ) -> None:
        super().contribute_to_class(cls, name, **kwargs)
        # A history model of django-simple-history has a copy of each field, and this list of the
        # fields themselves. The difference of two versions leaves out what is not editable.
        tracked = getattr(cls, "tracked_fields", None)
        if tracked:
            self.editable = True
            cls.tracked_fields = [self if field.name == name else field for field in tracked]  # type: ignore[attr-defined]

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "editable": False}

    def from_db_value(self, value: str | None, *args: Any) -> PPOI:
        """Return the tuple; NULL, an empty text and an invalid text give the centre.

        Other code can write to the column, and one bad row must not break a whole queryset.
        """
        try:
            return _StoredPPOI(parse_ppoi(value or CENTRE_TEXT))
        except ValidationError as error:
            logger.warning("%s: %s", self, " ".join(error.messages))
            return CENTRE_PPOI

    def to_python(self, value: Any) -> PPOI:
        """Return the tuple. A new value is rounded until its text fits the column.

        Raises:
            ValidationError: code `invalid_ppoi`.
        """
        if isinstance(value, _StoredPPOI):
            return value
        point = parse_ppoi(CENTRE_PPOI if value is None else value)
        if self.max_length is None or len(ppoi_text(point)) <= self.max_length:
            return point
        # The text also holds "0." twice, and one "x".
        digits = (self.max_length - 5) // 2
        return PPOI.at(round(point[0], digits), round(point[1], digits))

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": PPOIFormField, **kwargs})

    def get_prep_value(self, value: Any) -> Any:
        return ppoi_text(value) if isinstance(value, tuple) else value

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))
