from django.contrib import admin
from modeltranslation.admin import TranslationAdmin

from .models import Article, Page

admin.site.register(Page, TranslationAdmin)
admin.site.register(Article, TranslationAdmin)
