"""The pages."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path

from config.gallery.models import Photo
from config.gallery.views import media
from renditions import Picture

SETS = {
    "square": Picture(widths=[400], ratio=1),
    "icon": Picture(widths=[40], ratio=1, densities=[1, 2, 3], formats=["avif", "webp"]),
    "bare": Picture(widths=[400, 800], sizes="50vw"),
}


def page(request: HttpRequest, name: str) -> HttpResponse:
    """Show all photos, the first one first; `only` chooses those of one title."""
    photos = Photo.objects.order_by("id")
    if "only" in request.GET:
        photos = photos.filter(title=request.GET["only"])
    context = {"photos": photos, "sets": SETS, "blur": request.GET.get("placeholder")}
    return render(request, f"{name}.html", context)


def style(request: HttpRequest) -> HttpResponse:
    """Return the rules that the address gives, as a file of the site."""
    return HttpResponse(request.GET["rules"], content_type="text/css")


urlpatterns = [
    path("health/", include("workers.health_urls")),
    path("style.css", style),
    path(f"{settings.MEDIA_URL.strip('/')}/<path:path>", media, name="media"),
    path("<slug:name>/", page),
]
