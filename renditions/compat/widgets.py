"""The names of the old package's `widgets`."""

from renditions.widgets import (
    Bootstrap3ClearableFileInputWithImagePreview,
    ClearableFileInputWithImagePreview,
    SizedImageCenterpointClickBootstrap3Widget,
    SizedImageCenterpointClickDjangoAdminWidget,
    SizedImageCenterpointWidgetMixIn,
    VersatileImagePPOIClickWidget,
    VersatileImagePPOISelectWidget,
)

__all__ = [
    "Bootstrap3ClearableFileInputWithImagePreview",
    "ClearableFileInputWithImagePreview",
    "SizedImageCenterpointClickBootstrap3Widget",
    "SizedImageCenterpointClickDjangoAdminWidget",
    "SizedImageCenterpointWidgetMixIn",
    "VersatileImagePPOIClickWidget",
    "VersatileImagePPOISelectWidget",
]
