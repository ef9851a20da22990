"""The names of the old package's `fields`."""

import os
from typing import Any

from django.contrib.admin.widgets import AdminFileWidget
from django.db.models import Field
from django.db.models.fields import CharField
from django.db.models.fields.files import ImageField
from django.utils.translation import gettext_lazy as _

from renditions.fields import PPOIField, VersatileImageField
from renditions.files import VersatileImageFieldFile, VersatileImageFileDescriptor
from renditions.forms import SizedImageCenterpointClickDjangoAdminField
from renditions.placeholder import OnStoragePlaceholderImage
from renditions.validators import validate_ppoi

from .live import reader

__getattr__ = reader(__name__, ("VERSATILEIMAGEFIELD_PLACEHOLDER_DIRNAME",))

# A star import gives these two, as in the old package.
__all__ = ["PPOIField", "VersatileImageField"]


class Creator:
    """An attribute of a model that converts every value that is assigned."""

    def __init__(self, field: "Field[Any, Any]") -> None:
        self.field = field

    def __get__(self, obj: Any, objtype: Any = None) -> Any:
        return obj.__dict__[self.field.name]

    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__[self.field.name] = self.field.to_python(value)
