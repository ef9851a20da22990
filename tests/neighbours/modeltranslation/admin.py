from django.contrib import admin
from modeltranslation.admin import TranslationAdmin

from workers.admin_mixin import RenditionsAdminMixin

from .models import Article, Page


@admin.register(Page, Article)
class PageAdmin(RenditionsAdminMixin, TranslationAdmin):
    list_display = ["title", "rendition_thumbnail", "rendition_state"]
