"""The gallery as a Django app."""

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """Photos and their renditions."""

    name = "config.gallery"
    label = "gallery"
