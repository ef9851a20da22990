"""An admin of its own, under a strict Content-Security-Policy."""

from django import forms
from django.contrib import admin
from django.db.models import ImageField
from django.urls import path

from renditions.forms import VersatileImagePPOIClickField
from renditions.widgets import VersatileImagePPOISelectWidget
from tests.app.models import Author, Card, Person

POLICY = "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'"

site = admin.AdminSite("browser")


class NinePoints(forms.ModelForm):
    image = VersatileImagePPOIClickField(widget=VersatileImagePPOISelectWidget)

    class Meta:
        model = Card
        fields = ("title", "image")


class CardAdmin(admin.ModelAdmin):
    form = NinePoints


class NotBad(forms.ModelForm):
    def clean_name(self):
        if self.cleaned_data["name"] == "bad":
            raise forms.ValidationError("This name is taken.")
        return self.cleaned_data["name"]


class PersonAdmin(admin.ModelAdmin):
    form = NotBad
    fields = ("name", "headshot")


class AuthorAdmin(PersonAdmin):
    formfield_overrides = {ImageField: {"widget": forms.ClearableFileInput}}


site.register(Person, PersonAdmin)
site.register(Author, AuthorAdmin)
site.register(Card, CardAdmin)
urlpatterns = [path("admin/", site.urls)]


def strict(get_response):
    """Send the Content-Security-Policy with every page."""

    def middleware(request):
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return middleware
