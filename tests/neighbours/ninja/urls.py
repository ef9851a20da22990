from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import PatchDict

from tests.neighbours.examples import module_of

from .models import Photo

example = module_of("django-ninja", "tests.neighbours.ninja.api")
api = example.api


@api.get("/photos", response=list[example.PhotoOut])
def photos(request: HttpRequest) -> Any:
    return Photo.objects.order_by("pk")


@api.put("/photos/{int:pk}", response=example.PhotoOut)
def replace(request: HttpRequest, pk: int, details: example.PhotoIn) -> Any:
    return changed(pk, details.dict())


@api.patch("/photos/{int:pk}", response=example.PhotoOut)
def change(request: HttpRequest, pk: int, details: PatchDict[example.PhotoIn]) -> Any:
    return changed(pk, details)


def changed(pk: int, details: dict[str, Any]) -> Photo:
    photo = get_object_or_404(Photo, pk=pk)
    for name, value in details.items():
        setattr(photo, name, value)
    photo.full_clean()
    photo.save()
    return photo


urlpatterns = [path("api/", api.urls)]
