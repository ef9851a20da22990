"""Pages and API of the gallery."""

from django.urls import path

from . import api, views

app_name = "gallery"

urlpatterns = [
    path("", views.gallery, name="gallery"),
    path("photos/<int:pk>/", views.photo, name="photo"),
    path("api/photos/", api.PhotoList.as_view(), name="api-photos"),
    path("api/photos/<int:pk>/", api.PhotoDetail.as_view(), name="api-photo"),
]
