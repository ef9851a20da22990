"""Photos in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html

from renditions.validators import parse_ppoi, ppoi_text

from .models import Photo
from .progress import progress_of


class PhotoForm(forms.ModelForm):
    """A photo and its focal point."""

    focal_point = forms.CharField(
        initial="0.5x0.5",
        help_text="What every crop keeps: shares of width and height from the top left: 0.3x0.7",
    )

    class Meta:
        model = Photo
        fields = ["title", "image"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["focal_point"] = ppoi_text(self.instance.image_ppoi)

    def clean_focal_point(self) -> tuple[float, float]:
        """Return the tuple."""
        return parse_ppoi(self.cleaned_data["focal_point"])

    def clean(self) -> dict[str, Any] | None:
        """Give the focal point to the photo."""
        if "focal_point" in self.cleaned_data:
            self.instance.image_ppoi = self.cleaned_data["focal_point"]
        return super().clean()


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):
    """Add photos, set their focal point, see how far their renditions are."""

    form = PhotoForm
    list_display = ["title", "preview", "renditions", "added_at"]
    search_fields = ["title"]
    list_per_page = 25

    @admin.display(description="preview")
    def preview(self, photo: Photo) -> str:
        """Return a small picture of it, once there is one."""
        url = progress_of(photo).card_url
        return format_html('<img src="{}" alt="" width="90" height="60">', url) if url else "-"

    @admin.display(description="renditions")
    def renditions(self, photo: Photo) -> str:
        """Return the state in a word."""
        return progress_of(photo).state
