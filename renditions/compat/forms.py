"""The names of the old package's `forms`."""

from renditions.forms import (
    SizedImageCenterpointClickBootstrap3Field,
    SizedImageCenterpointClickDjangoAdminField,
    SizedImageCenterpointMixIn,
    VersatileImageFormField,
    VersatileImagePPOIClickField,
)

__all__ = [
    "SizedImageCenterpointClickBootstrap3Field",
    "SizedImageCenterpointClickDjangoAdminField",
    "SizedImageCenterpointMixIn",
    "VersatileImageFormField",
    "VersatileImagePPOIClickField",
]
