"""Views of a project that save, and tell which transaction their receivers saw."""

from typing import Any

from django.db import connection, models
from django.db.models.signals import post_save
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from tests.app.models import Person, PlainPerson


def saving(model: type[models.Model]) -> Any:
    def view(request: HttpRequest) -> JsonResponse:
        seen = {}

        def note(**kwargs: Any) -> None:
            seen["post_save"] = connection.in_atomic_block

        post_save.connect(note, sender=model)
        try:
            model._base_manager.create(headshot="people/one.jpg")
        finally:
            post_save.disconnect(note, sender=model)
        return JsonResponse({**seen, "after": connection.in_atomic_block})

    return view


async def save_async(request: HttpRequest) -> HttpResponse:
    await Person.objects.acreate(headshot="people/one.jpg")
    return HttpResponse("saved")


urlpatterns = [
    path("plain/", saving(PlainPerson)),
    path("warmed/", saving(Person)),
    path("async/", save_async),
]
