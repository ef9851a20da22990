"""The admin, whose pages are measured, and what a monitoring system asks."""

from django.contrib import admin
from django.urls import include, path

from workers import scrape

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health/", include("workers.health_urls")),
    path("metrics", scrape.view),
]
