"""Forms of the public pages."""

from django import forms
from django.utils.translation import gettext_lazy as _

from .models import Photo
from .uploads import check_picture


class UploadForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=120)
    # Not an ImageField: it opens the file with Pillow's limits, which are higher than ours.
    image = forms.FileField(label=_("Photograph"), validators=[check_picture])
    image.widget.attrs["accept"] = "image/jpeg,image/png,image/webp,image/gif,image/avif"

    def save(self) -> Photo:
        return Photo.objects.create(**self.cleaned_data)
