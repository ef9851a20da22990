"""The names of the old package's `widgets`."""

from django.forms.widgets import ClearableFileInput, HiddenInput, MultiWidget, Select
from django.utils.safestring import mark_safe

from renditions.widgets import (
    CENTERPOINT_CHOICES,
    Bootstrap3ClearableFileInputWithImagePreview,
    ClearableFileInputWithImagePreview,
    SizedImageCenterpointClickBootstrap3Widget,
    SizedImageCenterpointClickDjangoAdminWidget,
    SizedImageCenterpointWidgetMixIn,
    VersatileImagePPOIClickWidget,
    VersatileImagePPOISelectWidget,
)

__all__ = [
    "CENTERPOINT_CHOICES",
    "Bootstrap3ClearableFileInputWithImagePreview",
    "ClearableFileInput",
    "ClearableFileInputWithImagePreview",
    "HiddenInput",
    "MultiWidget",
    "Select",
    "SizedImageCenterpointClickBootstrap3Widget",
    "SizedImageCenterpointClickDjangoAdminWidget",
    "SizedImageCenterpointWidgetMixIn",
    "VersatileImagePPOIClickWidget",
    "VersatileImagePPOISelectWidget",
    "mark_safe",
]
