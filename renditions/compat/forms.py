"""The names of the old package's `forms`."""

from django.forms.fields import CharField, ImageField, MultiValueField

from renditions.forms import (
    SizedImageCenterpointClickBootstrap3Field,
    SizedImageCenterpointClickDjangoAdminField,
    SizedImageCenterpointMixIn,
    VersatileImageFormField,
    VersatileImagePPOIClickField,
)
from renditions.widgets import (
    SizedImageCenterpointClickBootstrap3Widget,
    SizedImageCenterpointClickDjangoAdminWidget,
    VersatileImagePPOIClickWidget,
)

__all__ = [
    "CharField",
    "ImageField",
    "MultiValueField",
    "SizedImageCenterpointClickBootstrap3Field",
    "SizedImageCenterpointClickBootstrap3Widget",
    "SizedImageCenterpointClickDjangoAdminField",
    "SizedImageCenterpointClickDjangoAdminWidget",
    "SizedImageCenterpointMixIn",
    "VersatileImageFormField",
    "VersatileImagePPOIClickField",
    "VersatileImagePPOIClickWidget",
]
