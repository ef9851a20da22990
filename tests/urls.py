"""The admin, and the view that makes missing renditions."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("media/", include("renditions.urls")),
]
