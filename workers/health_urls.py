"""The health of the service: `path("health/", include("workers.health_urls"))`."""

from django.urls import path

from . import health

urlpatterns = [
    path("", health.live, name="health"),
    path("ready/", health.ready, name="health-ready"),
]
