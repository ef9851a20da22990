"""The admin of a project that shows its pictures, each model in another way."""

from django import forms
from django.contrib import admin
from django.urls import path

from tests.app.models import Author, Brochure, Card, Editor, Person, Poster
from workers.admin_mixin import RenditionsAdminMixin

site = admin.AdminSite()


@admin.register(Person, site=site)
class PersonAdmin(RenditionsAdminMixin, admin.ModelAdmin):
    """The list and the form of a project."""

    list_display = ["rendition_thumbnail", "name", "rendition_state"]
    list_editable = ["name"]
    list_per_page = 100
    search_fields = ["name"]
    save_as = True


@admin.register(Author, site=site)
class AuthorAdmin(RenditionsAdminMixin, admin.ModelAdmin):
    """Everything of the form is the project's own, and nothing of it is passed on."""

    list_display = ["name"]
    change_form_template = "app/own_form.html"
    form = forms.modelform_factory(Author, fields=["name"])

    def get_fieldsets(self, request, obj=None):
        return [("Own", {"fields": ["name", "initials"]})]

    def get_readonly_fields(self, request, obj=None):
        return ["initials"]

    def initials(self, author: Author) -> str:
        return author.name[:1]


@admin.register(Editor, site=site)
class EditorAdmin(RenditionsAdminMixin, admin.ModelAdmin):
    """A column of the project uses ours, and only some objects can be changed."""

    list_display = ["portrait"]

    def portrait(self, editor: Editor) -> str | None:
        return self.rendition_thumbnail(editor)

    def has_change_permission(self, request, obj=None):
        return obj is None or obj.name != "locked"


@admin.register(Brochure, site=site)
class BrochureAdmin(RenditionsAdminMixin, admin.ModelAdmin):
    """Two pictures."""

    list_display = ["title", "rendition_thumbnail", "rendition_state"]


@admin.register(Poster, site=site)
class PosterAdmin(RenditionsAdminMixin, admin.ModelAdmin):
    """The project chooses the thumbnail."""

    list_display = ["title", "rendition_thumbnail"]
    rendition_fields = ["image"]
    rendition_thumbnail_key = "inverted_small"


@admin.register(Card, site=site)
class CardAdmin(RenditionsAdminMixin, admin.ModelAdmin):
    """No field declares renditions."""

    list_display = ["title", "rendition_thumbnail", "rendition_state"]


urlpatterns = [path("admin/", site.urls)]
