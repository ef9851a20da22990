"""Forms of the public pages."""

from django import forms

from .models import Photo
from .uploads import check_picture


class UploadForm(forms.Form):
    """One photograph and its title."""

    title = forms.CharField(max_length=120)
    # Not an ImageField: that one decodes with Pillow's own limits, `check_picture` with ours.
    image = forms.FileField(label="Photograph", validators=[check_picture])
    image.widget.attrs["accept"] = "image/jpeg,image/png,image/webp,image/gif,image/avif"

    def save(self) -> Photo:
        """Return the photo that was sent, saved."""
        return Photo.objects.create(**self.cleaned_data)
