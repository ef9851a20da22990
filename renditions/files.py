"""The value of a VersatileImageField on a model instance."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from django.core.exceptions import ObjectDoesNotExist
from django.core.files.base import File
from django.core.files.images import get_image_dimensions
from django.core.files.storage import Storage
from django.db import models
from django.db.models.fields.files import FieldFile, ImageFieldFile, ImageFileDescriptor

from . import conf
from .accessors import Filters, PictureAccess, RenditionFile, is_of_class, sizes_of
from .engine import removal
from .engine.warming import WarmReport
from .errors import RenditionError
from .imaging.facts import PictureFacts
from .imaging.geometry import FocalPoint, Size
from .imaging.sources import upright_size_of
from .meta import facts_in, size_in
from .planning.keys import RenditionKey, RenditionKeySet
from .planning.plans import Original, RenditionPlan, check_names, plan_key, plan_key_set
from .planning.registry import registry
from .ppoi import CENTRE_PPOI, PPOI, parse_ppoi
from .records.prefetched import PrefetchedRecords
from .settings_table import Cleanup, UntilReady
from .signals import original_dropped
from .signing import signed_url
from .storage import Storages

# Old code combines the mix-in with its own field file, so the mix-in has no base class at run time.
if TYPE_CHECKING:
    Base = ImageFieldFile
else:
    Base = object

__all__ = ["VersatileImageFieldFile", "VersatileImageFileDescriptor", "VersatileImageMixIn"]


class StoredName(str):
    """The name of a file as its column held it.

    It tells a name that was loaded from one that was assigned: other content may be under an
    assigned name, even if it is the name that the row had.
    """

    __slots__ = ()


class PictureField(Protocol):
    """The part of the model field that a picture uses."""

    name: str
    attname: str
    model: type[models.Model]
    ppoi_field: str | None
    meta_field: str | None
    width_field: str | None
    height_field: str | None

    @property
    def label(self) -> str: ...

    @property
    def storages(self) -> Storages: ...

    @property
    def placeholder(self) -> Original | None: ...

    @property
    def placeholder_image_name(self) -> str | None: ...

    @property
    def cleanup(self) -> Cleanup | None: ...

    @property
    def until_ready(self) -> UntilReady: ...

    def publish_placeholder(self) -> bool: ...

    def warm_placeholder(self, key_set: RenditionKeySet, *, force: bool = ...) -> WarmReport: ...

    def declared_key_set(self, names: Iterable[str] | None = ...) -> RenditionKeySet: ...


class VersatileImageMixIn(Base):
    """A mix-in for subclasses of ImageFieldFile.

    Every registered sizer is an attribute: `image.crop["400x400"]`. Every registered filter is an
    attribute of `filters`: `image.filters.invert`, `image.filters.invert.crop["400x400"]`.
    """

    field: PictureField  # type: ignore[assignment]
    storage: Storage

    # Both are reset when a save of the field is committed.
    has_new_content = False  # content was written to the storage
    was_assigned = False  # the name did not come from the column
    _ppoi_value: PPOI = CENTRE_PPOI
    _create_on_demand: bool | None = None  # None: the setting ON_DEMAND decides
    _picture: tuple[object, PictureAccess] | None = (
        None  # what it was computed from, and the picture
    )
    _prefetched: PrefetchedRecords | None = None

    def __init__(self, instance: models.Model, field: Any, name: str | None) -> None:
        # `name` is plain text, so that `other.image = image.name` counts as an assignment.
        super().__init__(instance, field, None if name is None else str(name))
        self.was_assigned = bool(name) and not isinstance(name, StoredName)
        # django-cleanup replaces the instance by a stand-in later, which has no focal point.
        point = getattr(instance, "__dict__", {}).get(self.field.ppoi_field)
        if isinstance(point, PPOI):
            self._ppoi_value = point

    @property
    def url(self) -> str:
        """URL of the picture; of the placeholder if the field is empty.

        Raises:
            ValueError: the field is empty and has no placeholder.
        """
        placeholder = None if self.name else self.field.placeholder_image_name
        if placeholder is None:
            return str(super().url)
        if self.create_on_demand:
            self.field.publish_placeholder()
        return self.storage.url(placeholder)

    @property
    def ppoi(self) -> PPOI:
        """The focal point: shares of the width and the height from the top left, 0-1.

        If the field has a PPOI field, this is the value of that field on the instance. A stand-in
        for the instance has no value: then it is the last one of the instance.
        """
        if self.field.ppoi_field:
            point: PPOI = getattr(self.instance, self.field.ppoi_field, self._ppoi_value)
            return point
        return self._ppoi_value

    @ppoi.setter
    def ppoi(self, value: PPOI | str) -> None:
        point = parse_ppoi(value)
        if self.field.ppoi_field:
            setattr(self.instance, self.field.ppoi_field, point)
        self._ppoi_value = point

    @property
    def meta(self) -> PictureFacts | None:
        """Size, colour and ThumbHash, from the `meta_field`; None: they are not known yet.

        It costs no query, so a deferred column is not known.
        """
        if not self.name or not self.field.meta_field:
            return None
        return facts_in(self._row.get(self.field.meta_field), self.name)

    @property
    def lacks_meta(self) -> bool:
        """Whether the field has a `meta_field` that is to be filled in."""
        column = self.field.meta_field
        return bool(self.name and column and column in self._row) and self.meta is None

    @property
    def known_size(self) -> Size | None:
        """Upright size, px, from the row; None: the row does not tell it."""
        return size_in(self.field, self._row, self.name) if self.name else None

    @property
    def _row(self) -> Mapping[str, Any]:
        """The loaded values of the instance, which may be a stand-in."""
        return getattr(self.instance, "__dict__", {})

    @property
    def create_on_demand(self) -> bool:
        """Whether an access to a URL makes the rendition. The default is the setting ON_DEMAND."""
        if self._create_on_demand is None:
            return conf.rendition_settings().on_demand
        return self._create_on_demand

    @create_on_demand.setter
    def create_on_demand(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise ValueError(f"create_on_demand must be True or False, not {value!r}.")
        self._create_on_demand = value

    @property
    def filters(self) -> Filters:
        """The registered filters, applied to this picture."""
        return Filters(self.picture)

    def __getattr__(self, name: str) -> Any:
        if not registry.has_sizer(name) or is_of_class(self, name):
            return object.__getattribute__(self, name)  # raises the error that Python had
        return sizes_of(self.picture, name)

    def _get_image_dimensions(self) -> tuple[int | None, int | None]:
        """Return the width and the height of the upright picture; None: it is no picture."""
        if not hasattr(self, "_dimensions_cache"):
            facts = self.meta
            known = facts.size.as_tuple if facts and not self.has_new_content else None
            self._dimensions_cache = known or self._read_dimensions()
        return self._dimensions_cache

    def _read_dimensions(self) -> tuple[int | None, int | None]:
        was_closed = self.closed
        self.open()
        position = self.tell()
        try:
            return upright_size_of(cast("BinaryIO", self)).as_tuple
        except RenditionError:
            self.seek(0)
            return get_image_dimensions(self)
        finally:
            self.seek(position)
            if was_closed:
                self.close()

    def rendition(self, key: RenditionKey) -> RenditionFile:
        """Return one rendition. An access to its URL may make the file: see `RenditionFile`.

        Raises:
            InvalidSizeKey: the sizer, filter or format is unknown.
        """
        check_names([key])
        return RenditionFile(self.picture, key)

    def urls(self, key_set: RenditionKeySet | str) -> dict[str, str]:
        """Return the URLs of a key set by name, in its order; `{}` if there is no picture.

        Of a responsive picture, the widths that are larger than the original are left out.

        Args:
            key_set: A key set, or its name in the settings.
        """
        keys = conf.key_set(key_set) if isinstance(key_set, str) else key_set
        picture = self.picture
        if not picture.original:
            return {}
        keys = keys.for_size(picture.original.size)
        if picture.create_on_demand:
            # One call to the cache for all of them.
            records = picture.prefetched or PrefetchedRecords(picture.original)
            records.recall(keys.renditions)
            picture = replace(picture, prefetched=records)
        return {
            name: str(self.url if key.is_original else RenditionFile(picture, key).url)
            for name, key in keys
        }

    def url_of(self, key: RenditionKey) -> str:
        """Return the URL of one rendition, or of the original for the key `url`."""
        return str(self.url if key.is_original else self.rendition(key).url)

    def signed_url(self, key: str, expires_in: float | timedelta | None = None) -> str:
        """Return an URL that makes any rendition when it is requested; empty: there is no picture.

        It needs no key set, no worker and no call to the storage, the cache or the database.

        Args:
            expires_in: Seconds. The URL is valid for at least this long, and at most twice as long.
                None: without limit.

        Raises:
            InvalidSizeKey: the key is malformed, or its sizer, filter or format is unknown.
            ImproperlyConfigured: the URLconf does not have `renditions.urls`.
            ValueError: `expires_in` is less than a second.
        """
        wanted = RenditionKey.parse(key)
        if wanted.is_original:
            return str(self.url)
        picture = self.picture
        if picture.original is None:
            return ""
        plan = plan_key(picture.original, wanted, conf.style(wanted))
        return signed_url(picture.storages.renditions, plan, expires_in)

    @property
    def original(self) -> Original:
        """This picture, as a value for plans."""
        originals, renditions = self.storages.labels
        return Original(
            field=self.field.label,
            storage=originals,
            name=self.name or "",
            ppoi=FocalPoint(*self.ppoi),
            object_pk=self._object_pk,
            renditions=renditions,
            size=self.known_size,
        )

    @property
    def storages(self) -> Storages:
        """Where the picture is, and where its renditions are."""
        # A file object may have got another storage than its field.
        of_field = self.field.storages
        if of_field.renditions is of_field.originals:
            return Storages.both_on(self.storage)
        return Storages(self.storage, of_field.renditions)

    @property
    def _object_pk(self) -> str:
        """Primary key of the row that has the picture; of a parent's for an inherited field."""
        pk = getattr(self.instance, self.field.model._meta.pk.attname, None)
        return "" if pk is None else str(pk)

    @property
    def placeholder(self) -> Original | None:
        """The placeholder of the field, if it has one."""
        return self.field.placeholder

    @property
    def picture(self) -> PictureAccess:
        """The picture to show: this one, or the placeholder if the field is empty."""
        if not self.name:
            return self._placeholder_picture
        inputs = self._inputs_of_picture()
        if self._picture is None or self._picture[0] != inputs:
            self._picture = inputs, self._picture_of(self.original)
        return self._picture[1]

    def _inputs_of_picture(self) -> tuple[object, ...]:
        """Return all that decides `picture`: each URL needs it, and computing it costs more."""
        row, field = self._row, self.field
        return (
            self.name,
            row.get(field.ppoi_field or ""),
            self._ppoi_value,
            row.get(field.model._meta.pk.attname),
            row.get(field.meta_field or ""),
            row.get(field.width_field or ""),
            row.get(field.height_field or ""),
            self.storage,
            self._create_on_demand,
            conf.rendition_settings(),
        )

    @property
    def _placeholder_picture(self) -> PictureAccess:
        shown = self.placeholder
        if shown and self.create_on_demand:
            self.field.publish_placeholder()
        return self._picture_of(shown)

    def _picture_of(self, original: Original | None) -> PictureAccess:
        records = self._prefetched
        if records and records.original != original:
            # Another name or focal point was assigned.
            records = None
        return PictureAccess(self.storages, original, self.create_on_demand, records)

    def use_prefetched(self, records: PrefetchedRecords | None) -> None:
        """Take records from `records`; None: from the cache. `prefetch_renditions` calls it."""
        self._prefetched = records
        if self._picture:
            inputs, picture = self._picture
            self._picture = inputs, self._picture_of(picture.original)

    def plan(self, key: RenditionKey) -> RenditionPlan:
        """Return the plan of one rendition, without a call to the storage or the cache."""
        return plan_key(self.original, key, conf.style(key))

    def plans(
        self, key_set: RenditionKeySet | None = None, *, size: Size | None = None
    ) -> tuple[RenditionPlan, ...]:
        """Return the plans of a key set, without a call to the storage or the cache.

        An empty field has no plans.

        Args:
            key_set: None: all key sets in `warm`.
            size: Upright size of the picture, px; None: that in the row, if it is known.
        """
        if not self.name:
            return ()
        wanted = self.field.declared_key_set() if key_set is None else key_set
        original = replace(self.original, size=size) if size else self.original
        return plan_key_set(original, wanted, conf.style)

    def save(self, name: str, content: "File[Any]", save: bool = True) -> None:
        """Write `content` to the storage, and note that existing renditions are stale now."""
        super().save(name, content, save=False)
        # Django has put the name as text on the instance, so this access makes a new file object.
        current: VersatileImageMixIn = getattr(self.instance, self.field.attname)
        current.has_new_content = True
        if save:
            self.instance.save()

    def delete(self, save: bool = True) -> None:
        """Clear the picture, and delete its file.

        With `cleanup="all"`, a worker deletes the file and all renditions after the commit, unless
        a row still shows the picture.
        """
        is_owed = self.field.cleanup is Cleanup.ALL and original_dropped.has_listeners(self.field)
        if not self or not is_owed:
            super().delete(save)
            return
        original_dropped.send(sender=self.field, name=self.name, instance=self.instance)
        # The rest is what Django does.
        if hasattr(self, "_file"):
            self.close()
            del self.file
        vars(self).pop("_dimensions_cache", None)
        self.name = None
        setattr(self.instance, self.field.attname, self.name)
        self._committed = False
        if save:
            self.instance.save()

    def note_committed(self) -> None:
        """Reset the flags: the database has the values of the instance."""
        self.has_new_content = self.was_assigned = False

    def delete_sized_images(self) -> None:
        """Delete all renditions of this picture that are sized and not filtered."""
        if self.name:
            self.use_prefetched(None)
            removal.delete_sized(self.storages.renditions, self.original)

    def delete_filtered_images(self) -> None:
        """Delete all renditions of this picture that are filtered and not sized."""
        if self.name:
            self.use_prefetched(None)
            removal.delete_filtered(self.storages.renditions, self.original)

    def delete_filtered_sized_images(self) -> None:
        """Delete all renditions of this picture that are filtered and sized."""
        if self.name:
            self.use_prefetched(None)
            removal.delete_filtered_sized(self.storages.renditions, self.original)

    def delete_all_created_images(self) -> None:
        """Delete all renditions of this picture."""
        self.delete_filtered_images()
        self.delete_sized_images()
        self.delete_filtered_sized_images()

    def delete_matching_files_from_storage(self, root_folder: str, regex: re.Pattern[str]) -> None:
        """Delete the files in `root_folder` that are named after this picture, plus a tag.

        Args:
            regex: Matches the start of the tag, which is between the stem and the extension.
        """
        if self.name:
            self.use_prefetched(None)
            removal.delete_tagged(self.storages.renditions, self.name, root_folder, regex)

    def get_sized_root_folder(self) -> str:
        """Return the folder of the sized renditions of this picture, with a final slash."""
        return posixpath.join(removal.sized_folder(self.name or ""), "")

    def get_filtered_root_folder(self) -> str:
        """Return the folder of the filtered renditions of this picture, with a final slash."""
        return posixpath.join(removal.filtered_folder(self.name or ""), "")

    def get_filtered_sized_root_folder(self) -> str:
        """Return the folder of the filtered and sized renditions, without a final slash."""
        return removal.filtered_sized_folder(self.name or "")


class VersatileImageFieldFile(VersatileImageMixIn, ImageFieldFile):
    """A picture with a focal point and renditions."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_ppoi_value": self.ppoi,
            "_create_on_demand": self.create_on_demand,
            "has_new_content": self.has_new_content,
            "was_assigned": self.was_assigned,
        }


class VersatileImageFileDescriptor(ImageFileDescriptor):
    """Notes each assignment, and copies or clears the focal point together with the picture."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        if isinstance(value, FieldFile) and not isinstance(value, VersatileImageMixIn):
            # The value of another kind of field: use its name, or its file if it is not saved yet.
            value = value.name if value._committed else File(value.file, value.name)  # type: ignore[attr-defined]  # noqa: SLF001
        if isinstance(value, StoredName) and not instance._state.adding:
            # This row was loaded before, so the name comes from another query, such as
            # `values_list`: it is an assignment.
            value = str(value)
        if isinstance(value, VersatileImageMixIn) and not _is_of_row(value, instance):
            # The name was loaded for another row, and is assigned to this one.
            value.was_assigned = True
        had_picture = bool(instance.__dict__.get(self.field.attname))
        ppoi = _ppoi_of(value)
        super().__set__(instance, value)
        ppoi_field: str | None = getattr(self.field, "ppoi_field", None)
        is_cleared = had_picture and not value
        if ppoi_field and (ppoi or (is_cleared and not shares_point(self.field, instance))):
            setattr(instance, ppoi_field, ppoi)


def image_at(instance: models.Model, name: str) -> VersatileImageMixIn | None:
    """Return the picture of a field; a dotted name follows foreign keys. None: one of them is null.

    Raises:
        ValueError: the name is not that of a VersatileImageField.
    """
    value: object = instance
    for part in name.split("."):
        if value is None:
            return None
        try:
            value = getattr(value, part)
        except ObjectDoesNotExist:
            # The reverse side of a OneToOneField raises if no row points to the instance.
            return None
    if value is not None and not isinstance(value, VersatileImageMixIn):
        raise ValueError(
            f"{name!r} of {type(instance).__name__} is a {type(value).__name__}. "
            "Name a VersatileImageField."
        )
    return value


def shares_point(field: Any, instance: models.Model) -> bool:
    """Whether another picture of `instance` has the focal point of `field`.

    The fields of all languages share one with django-modeltranslation.
    """
    return any(
        getattr(instance, other.name)
        for other in instance._meta.concrete_fields
        if other.name != field.name and getattr(other, "ppoi_field", None) == field.ppoi_field
    )


def _is_of_row(value: VersatileImageMixIn, row: models.Model) -> bool:
    """Whether the picture is that of `row`, perhaps of another instance of it in memory."""
    other = vars(value).get("instance")
    return other is row or (other is not None and other.pk is not None and other == row)


def _ppoi_of(value: object) -> PPOI | None:
    """Return the focal point of a picture; None if it has none or it is not loaded."""
    if not value or not isinstance(value, VersatileImageMixIn):
        return None
    # An unpickled field file may lack both.
    field, row = vars(value).get("field"), vars(value).get("instance")
    return vars(row).get(field.ppoi_field) if field and row else None
