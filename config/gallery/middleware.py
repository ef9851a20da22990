"""Middleware for every request: security headers, and a limit for the size of bodies."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from .uploads import TOO_LARGE, too_large_text

Handler = Callable[[HttpRequest], HttpResponse]

# Room for the multipart boundaries, the other form fields and their headers.
FORM_OVERHEAD_BYTES = 64 * 1024
# A client never sees the answer if the connection closes while it is still sending. So up to this
# much of a body that is too large is read and discarded, in chunks.
MAX_DISCARDED_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


def content_security_policy(get_response: Handler) -> Handler:
    """Forbid browsers to run scripts, or load files, from other sites."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        return response

    return respond


def refuse_large_bodies(get_response: Handler) -> Handler:
    """Answer 413 by the `Content-Length` header, before the body is read into memory or a file."""

    def respond(request: HttpRequest) -> HttpResponse:
        # WSGI treats a body without a length as empty, so such a body is never read.
        length = _content_length(request)
        if length <= settings.MAX_UPLOAD_BYTES + FORM_OVERHEAD_BYTES:
            return get_response(request)
        _discard_body(request, min(length, MAX_DISCARDED_BYTES))
        return too_large(request)

    return respond


def too_large(request: HttpRequest) -> HttpResponse:
    """Answer 413: JSON in the API, a page elsewhere."""
    detail = too_large_text()
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": detail, "code": TOO_LARGE}, status=413)
    return render(request, "gallery/refused.html", {"detail": detail}, status=413)


def _content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _discard_body(request: HttpRequest, length: int) -> None:
    while length > 0:
        chunk = request.read(min(length, CHUNK_BYTES))
        if not chunk:
            return
        length -= len(chunk)
