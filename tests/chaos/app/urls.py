"""A page with pictures, uploads, the files, and the admin."""

from django.conf import settings
from django.contrib import admin
from django.core.files.base import ContentFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, re_path
from django.views.static import serve

from renditions.engine.status import survey

from . import saving
from .models import Picture


def page(request: HttpRequest) -> HttpResponse:
    """Show the address and the state of the renditions of the newest pictures."""
    lines = [
        f"{rendition.url} {status.record.state if status.record else 'unknown'}"
        for picture in Picture.objects.order_by("-pk")[:5]
        for status in survey(picture.image.storages, picture.image.plans())
        for rendition in [picture.image.rendition(status.plan.key)]
    ]
    return HttpResponse("\n".join(lines))


def upload(request: HttpRequest, number: int) -> HttpResponse:
    """Save a picture, and say whether an `on_commit` hook registered after ours has run."""
    ran: list[bool] = []
    with transaction.atomic():
        image = ContentFile(request.body, name="a.jpg")
        picture = Picture.objects.create(number=number, image=image)
        transaction.on_commit(lambda: ran.append(True))
    return JsonResponse({"pk": picture.pk, "hooks_ran": bool(ran)})


urlpatterns = [
    path("", page),
    path("upload/<int:number>/", upload),
    path("save/request/<int:seed>/<int:number>/", saving.save_in_request),
    path("save/<str:mode>/<int:seed>/<int:number>/", saving.save),
    # A name may contain a line break, which `.` does not match.
    re_path(r"^media/(?P<path>[\s\S]+)\Z", serve, {"document_root": settings.MEDIA_ROOT}),
    path("admin/", admin.site.urls),
]
