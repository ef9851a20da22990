from modeltranslation.translator import TranslationOptions, register

from .models import Article, Page


@register(Page)
class PageOptions(TranslationOptions):
    fields = ("title", "image")


@register(Article)
class ArticleOptions(TranslationOptions):
    fields = ("lead",)
