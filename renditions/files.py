"""The value of a VersatileImageField on an instance."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.core.files.base import File
from django.db import models
from django.db.models.fields.files import ImageFieldFile

from . import conf
from .accessors import Filters, RenditionFile, Sizes
from .imaging.geometry import FocalPoint
from .keys import RenditionKey, RenditionKeySet
from .plans import Original, RenditionPlan, plan_key, plan_key_set
from .publishing import storage_label
from .registry import versatileimagefield_registry
from .validators import PPOI, parse_ppoi

if TYPE_CHECKING:
    from .fields import VersatileImageField

CENTRE: PPOI = (0.5, 0.5)


class VersatileImageFieldFile(ImageFieldFile):
    """A picture with a focal point, and the way to its renditions.

    `image.crop["400x400"]`, `image.thumbnail[...]` and every registered sizer;
    `image.filters.invert` and every registered filter, sized or not.
    """

    field: "VersatileImageField"

    def __init__(self, instance: models.Model, field: "VersatileImageField", name: str | None):
        super().__init__(instance, field, name)
        self._ppoi_value = CENTRE
        self._create_on_demand: bool | None = None  # None: as the settings say
        # Whether new content went to storage since the field was last saved with its instance,
        # and whether that last save brought new content.
        self._has_new_content = False
        self.was_replaced = False

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
            return conf.create_on_demand()
        return self._create_on_demand

    @create_on_demand.setter
    def create_on_demand(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise ValueError(f"create_on_demand must be True or False, not {value!r}.")
        self._create_on_demand = value

    @property
    def filters(self) -> Filters:
        """The registered filters, applied to this picture."""
        return Filters(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not versatileimagefield_registry.has_sizer(name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return Sizes(self, name)

    def rendition(self, key: RenditionKey) -> RenditionFile:
        """Return one rendition by its key, made by now where renditions are made on demand."""
        return RenditionFile(self, key)

    @property
    def original(self) -> Original:
        """This picture as plans see it."""
        return Original(
            field=self.field.label,
            storage=storage_label(self.storage),
            name=self.name or "",
            ppoi=FocalPoint(*self.ppoi),
        )

    def plan(self, key: RenditionKey) -> RenditionPlan:
        """Return the plan of one rendition; touches neither storage nor cache."""
        return plan_key(self.original, key, conf.style(key))

    def plans(self, key_set: RenditionKeySet | None = None) -> tuple[RenditionPlan, ...]:
        """Return the plans of a key set, by default of all that the field declares to warm.

        Empty for an empty field. Touches neither storage nor cache.
        """
        if not self:
            return ()
        wanted = self.field.declared_key_set() if key_set is None else key_set
        return plan_key_set(self.original, wanted, conf.style)

    def save(self, name: str, content: "File[Any]", save: bool = True) -> None:
        """Put `content` on the storage; renditions of older content under the name are stale."""
        self._has_new_content = True
        super().save(name, content, save)

    def note_saved(self) -> None:
        """Remember whether the save that is going on brings new content."""
        self.was_replaced = self._has_new_content
        self._has_new_content = False

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_ppoi_value": self._ppoi_value,
            "_create_on_demand": self._create_on_demand,
            "_has_new_content": False,
            "was_replaced": False,
        }


def declared(names: Iterable[str]) -> RenditionKeySet:
    """Return the union of the named key sets; names of entries are those of the keys."""
    keys = (key for name in names for key in conf.key_set(name).keys)
    return RenditionKeySet(tuple((str(key), key) for key in dict.fromkeys(keys)))
