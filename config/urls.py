"""The URLs of this installation."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from workers.scrape import view as metrics

from .gallery.views import media

MEDIA_PATH = urlsplit(settings.MEDIA_URL).path.strip("/") or "media"

urlpatterns = [
    path("", include("config.gallery.urls")),
    path("admin/", admin.site.urls),
    path("health/", include("workers.health_urls")),
    # Without a slash: that is where Prometheus looks.
    path("metrics", metrics, name="metrics"),
    # Browsers request it with any page.
    path("favicon.ico", RedirectView.as_view(url=static("gallery/icon.svg"))),
]
if settings.SERVE_MEDIA:
    urlpatterns.append(path(f"{MEDIA_PATH}/<path:path>", media, name="media"))
# Requests for missing renditions: from `media`, and from a proxy or a CDN before it, which may have
# another path in its URLs.
urlpatterns.append(path(f"{MEDIA_PATH}/", include("renditions.urls"), {"storage": "default"}))
