"""The value of a VersatileImageField on an instance."""

import posixpath
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import models
from django.db.models.fields.files import FieldFile, ImageFieldFile, ImageFileDescriptor

from . import conf
from .accessors import Filters, Picture, RenditionFile, sizes_of
from .engine import removal
from .engine.warming import WarmReport
from .imaging.geometry import FocalPoint
from .planning.keys import RenditionKey, RenditionKeySet
from .planning.plans import Original, RenditionPlan, plan_key, plan_key_set
from .planning.registry import registry
from .ppoi import CENTRE_PPOI, PPOI, parse_ppoi
from .storage import storage_label

# Old code puts the mix-in before a field file of its own.
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
    """What a picture asks of its model field."""

    name: str
    attname: str
    model: type[models.Model]
    ppoi_field: str | None

    @property
    def label(self) -> str: ...

    @property
    def placeholder(self) -> Original | None: ...

    @property
    def placeholder_image_name(self) -> str | None: ...

    def publish_placeholder(self) -> bool: ...

    def warm_placeholder(self, key_set: RenditionKeySet, *, force: bool = ...) -> WarmReport: ...

    def declared_key_set(self, names: Iterable[str] | None = ...) -> RenditionKeySet: ...


class VersatileImageMixIn(Base):
    """For subclasses of ImageFieldFile.

    `image.crop["400x400"]`, `image.thumbnail[...]` and every registered sizer;
    `image.filters.invert` and every registered filter, sized or not.
    """

    field: PictureField  # type: ignore[assignment]
    storage: Storage

    # Whether content went to storage, or a name came from anywhere but the column, since a save of
    # the field was last committed.
    has_new_content = False
    was_assigned = False
    _ppoi_value: PPOI = CENTRE_PPOI
    _create_on_demand: bool | None = None  # None: as the settings say

    def __init__(self, instance: models.Model, field: Any, name: str | None) -> None:
        # As plain text, so that `other.image = image.name` is an assignment.
        super().__init__(instance, field, None if name is None else str(name))
        self.was_assigned = bool(name) and not isinstance(name, StoredName)

    @property
    def url(self) -> str:
        """Where a browser finds the picture; where there is none, the field's placeholder.

        Raises:
            ValueError: there is neither.
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

        Where the field has a PPOI field, the value of that on the instance and nothing else.
        """
        if self.field.ppoi_field:
            point: PPOI = getattr(self.instance, self.field.ppoi_field)
            return point
        return self._ppoi_value

    @ppoi.setter
    def ppoi(self, value: PPOI | str) -> None:
        point = parse_ppoi(value)
        if self.field.ppoi_field:
            setattr(self.instance, self.field.ppoi_field, point)
        self._ppoi_value = point

    @property
    def create_on_demand(self) -> bool:
        """Whether asking for a rendition makes it; as the settings say unless set here."""
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
        if name.startswith("_") or not registry.has_sizer(name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return sizes_of(self.picture, name)

    def rendition(self, key: RenditionKey) -> RenditionFile:
        """Return one rendition by its key, made by now where renditions are made on demand."""
        return RenditionFile(self.picture, key)

    def urls(self, key_set: RenditionKeySet) -> dict[str, str]:
        """Return the URLs of `key_set` by name, in its order; `{}` where there is no picture."""
        if not self.picture.original:
            return {}
        return {name: self.url_of(key) for name, key in key_set}

    def url_of(self, key: RenditionKey) -> str:
        """Return the URL of one rendition, or of the original."""
        return str(self.url if key.is_original else self.rendition(key).url)

    @property
    def original(self) -> Original:
        """This picture as plans see it."""
        return Original(
            field=self.field.label,
            storage=storage_label(self.storage),
            name=self.name or "",
            ppoi=FocalPoint(*self.ppoi),
            object_pk=self._object_pk,
        )

    @property
    def _object_pk(self) -> str:
        """Primary key of the row that has the picture; of a parent's for an inherited field."""
        pk = getattr(self.instance, self.field.model._meta.pk.attname, None)
        return "" if pk is None else str(pk)

    @property
    def placeholder(self) -> Original | None:
        """The picture that stands in for an empty one, if the field has one."""
        return self.field.placeholder

    @property
    def picture(self) -> Picture:
        """What is shown: the picture, else the placeholder, else nothing."""
        shown = self.original if self.name else self.placeholder
        if shown and not self.name and self.create_on_demand:
            self.field.publish_placeholder()
        return Picture(self.storage, shown, self.create_on_demand)

    def plan(self, key: RenditionKey) -> RenditionPlan:
        """Return the plan of one rendition; touches neither storage nor cache."""
        return plan_key(self.original, key, conf.style(key))

    def plans(self, key_set: RenditionKeySet | None = None) -> tuple[RenditionPlan, ...]:
        """Return the plans of a key set, by default of all that the field declares to warm.

        Empty for an empty field. Touches neither storage nor cache.
        """
        if not self.name:
            return ()
        wanted = self.field.declared_key_set() if key_set is None else key_set
        return plan_key_set(self.original, wanted, conf.style)

    def save(self, name: str, content: "File[Any]", save: bool = True) -> None:
        """Put `content` on the storage; renditions of older content under the name are stale."""
        super().save(name, content, save=False)
        # Django leaves the bare name on the instance and makes a new file of it: that one is asked.
        current: VersatileImageMixIn = getattr(self.instance, self.field.attname)
        current.has_new_content = True
        if save:
            self.instance.save()

    def note_committed(self) -> None:
        """Remember that the database has what the instance has."""
        self.has_new_content = self.was_assigned = False

    def delete_sized_images(self) -> None:
        """Take all sized renditions of this picture away; the filtered and sized ones stay."""
        if self.name:
            removal.delete_sized(self.storage, self.original)

    def delete_filtered_images(self) -> None:
        """Take all filtered renditions of this picture away; the sized ones stay."""
        if self.name:
            removal.delete_filtered(self.storage, self.original)

    def delete_filtered_sized_images(self) -> None:
        """Take all renditions of this picture away that are filtered and sized."""
        if self.name:
            removal.delete_filtered_sized(self.storage, self.original)

    def delete_all_created_images(self) -> None:
        """Take all renditions of this picture away, whichever way they were asked for."""
        self.delete_filtered_images()
        self.delete_sized_images()
        self.delete_filtered_sized_images()

    def delete_matching_files_from_storage(self, root_folder: str, regex: re.Pattern[str]) -> None:
        """Take away what lies in `root_folder` under this picture's name and a tag.

        Args:
            regex: Matches the start of what stands between the name and its extension.
        """
        if self.name:
            removal.delete_tagged(self.storage, self.name, root_folder, regex)

    def get_sized_root_folder(self) -> str:
        """Return the folder that sized renditions of this picture lie in, and a slash."""
        return posixpath.join(removal.sized_folder(self.name or ""), "")

    def get_filtered_root_folder(self) -> str:
        """Return the folder that filtered renditions of this picture lie in, and a slash."""
        return posixpath.join(removal.filtered_folder(self.name or ""), "")

    def get_filtered_sized_root_folder(self) -> str:
        """Return the folder that filtered and sized renditions of this picture lie in."""
        return removal.filtered_sized_folder(self.name or "")


class VersatileImageFieldFile(VersatileImageMixIn, ImageFieldFile):
    """A picture with a focal point, and the way to its renditions."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_ppoi_value": self.ppoi,
            "_create_on_demand": self.create_on_demand,
        }


class VersatileImageFileDescriptor(ImageFileDescriptor):
    """Notes what is assigned; a focal point comes with its picture and goes when that goes."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        if isinstance(value, FieldFile) and not isinstance(value, VersatileImageMixIn):
            # Of a field of another kind: its name, or the file that it has not saved yet.
            value = value.name if value._committed else File(value.file, value.name)  # type: ignore[attr-defined]  # noqa: SLF001
        had_one = bool(instance.__dict__.get(self.field.attname))
        point = _point_of(value)
        super().__set__(instance, value)
        if isinstance(value, StoredName) and not instance._state.adding:
            # The row is loaded already, so this comes from `values_list` or the like.
            value = str(value)
        if isinstance(value, VersatileImageMixIn) and not _is_of_row(value, instance):
            # Its name was loaded for another row.
            value.was_assigned = True
        ppoi_field: str | None = getattr(self.field, "ppoi_field", None)
        if ppoi_field and (point or (had_one and not value)):
            setattr(instance, ppoi_field, point)


def _is_of_row(value: VersatileImageMixIn, row: models.Model) -> bool:
    """Whether the picture is that of `row`, perhaps of another instance of it in memory."""
    other = vars(value).get("instance")
    return other is row or (other is not None and other.pk is not None and other == row)


def _point_of(value: object) -> PPOI | None:
    """Return the focal point that a picture of some row has; None where it is not loaded."""
    if not value or not isinstance(value, VersatileImageMixIn):
        return None
    # One that was pickled may have come back without them.
    field, row = vars(value).get("field"), vars(value).get("instance")
    return vars(row).get(field.ppoi_field) if field and row else None
