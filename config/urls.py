"""What lies where."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from .gallery.views import health, media

urlpatterns = [
    path("", include("config.gallery.urls")),
    path("admin/", admin.site.urls),
    path("health/", health, name="health"),
]
if settings.SERVE_MEDIA:
    urlpatterns.append(path(f"{settings.MEDIA_URL.strip('/')}/<path:path>", media, name="media"))
