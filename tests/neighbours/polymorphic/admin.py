from django.contrib import admin
from polymorphic.admin import PolymorphicChildModelAdmin, PolymorphicParentModelAdmin

from workers.admin_mixin import RenditionsAdminMixin

from .models import Item, Note, Photo


@admin.register(Item)
class ItemAdmin(RenditionsAdminMixin, PolymorphicParentModelAdmin):
    base_model = Item
    child_models = (Photo, Note)
    polymorphic_list = True
    list_display = ["title", "rendition_thumbnail", "rendition_state"]


@admin.register(Photo, Note)
class ChildAdmin(RenditionsAdminMixin, PolymorphicChildModelAdmin):
    base_model = Item
