"""The API: add a photo, list all photos, read the state of one."""

from typing import Any

from django.conf import settings
from django.core.cache import caches
from rest_framework import generics, permissions, status, throttling
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

from .models import Photo
from .serializers import PhotoSerializer, UploadSerializer
from .uploads import TOO_LARGE


class FileTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = TOO_LARGE


class MayUpload(permissions.IsAuthenticatedOrReadOnly):
    """Everybody may read; the setting `ANONYMOUS_UPLOADS` says whether everybody may upload."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return settings.ANONYMOUS_UPLOADS or super().has_permission(request, view)


class Throttle(throttling.ScopedRateThrottle):
    """A client has one limit for uploads and one for reads, in each web process."""

    cache = caches["throttling"]

    def allow_request(self, request: Request, view: Any) -> bool:
        view.throttle_scope = "uploads" if request.method == "POST" else "reads"
        return super().allow_request(request, view)


class PhotoList(generics.ListCreateAPIView):
    """All photos, newest first; POST adds one."""

    queryset = Photo.objects.all()
    permission_classes = [MayUpload]
    throttle_classes = [Throttle]

    def get_serializer_class(self) -> type[PhotoSerializer | UploadSerializer]:
        return UploadSerializer if self.request.method == "POST" else PhotoSerializer

    def handle_exception(self, exc: Exception) -> Any:
        """Answer 413 instead of 400 if the file is too large."""
        if isinstance(exc, ValidationError) and isinstance(exc.detail, dict):
            for error in exc.detail.get("image", []):
                if error.code == TOO_LARGE:
                    exc = FileTooLarge(error)
        return super().handle_exception(exc)


class PhotoDetail(generics.RetrieveAPIView):
    """One photo."""

    queryset = Photo.objects.all()
    serializer_class = PhotoSerializer
    throttle_classes = [Throttle]
