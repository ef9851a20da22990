"""The URLs of this installation."""

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from .gallery.views import health, media

urlpatterns = [
    path("", include("config.gallery.urls")),
    path("admin/", admin.site.urls),
    path("health/", health, name="health"),
    # Browsers request it with any page.
    path("favicon.ico", RedirectView.as_view(url=static("gallery/icon.svg"))),
]
if settings.SERVE_MEDIA:
    urlpatterns.append(path(f"{settings.MEDIA_URL.strip('/')}/<path:path>", media, name="media"))
