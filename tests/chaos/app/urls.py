"""A page that shows pictures, and the admin."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path

from renditions.warming import survey

from .models import Picture


def page(request: HttpRequest) -> HttpResponse:
    """Show each picture's renditions and what is known of them."""
    lines = [
        f"{rendition.url} {record.state if record else 'unknown'}"
        for picture in Picture.objects.order_by("-pk")[:5]
        for plan, record in survey(picture.image.storage, picture.image.plans())
        for rendition in [picture.image.rendition(plan.key)]
    ]
    return HttpResponse("\n".join(lines))


urlpatterns = [path("", page), path("admin/", admin.site.urls)]
