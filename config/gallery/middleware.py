"""What holds for every request, before and after any view."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat

Handler = Callable[[HttpRequest], HttpResponse]

# Boundaries, the other fields and their headers.
FORM_OVERHEAD_BYTES = 64 * 1024
# A client that is still sending when the connection closes never sees the answer. So much of a
# body that is too large is read and thrown away, a piece at a time.
DRAINED_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 64 * 1024


def content_security_policy(get_response: Handler) -> Handler:
    """Let no response run a script or load a file from anywhere else."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        return response

    return respond


def refuse_large_bodies(get_response: Handler) -> Handler:
    """Answer 413 from the announced length, so that no large body is ever held."""

    def respond(request: HttpRequest) -> HttpResponse:
        # A body of unknown length counts as empty in WSGI, and is not read either.
        length = _announced_length(request)
        if length <= settings.MAX_UPLOAD_BYTES + FORM_OVERHEAD_BYTES:
            return get_response(request)
        _drain(request, min(length, DRAINED_BYTES))
        return too_large(request)

    return respond


def too_large(request: HttpRequest) -> HttpResponse:
    """Return the answer to a file above the limit: JSON for the API, otherwise a page."""
    detail = f"The file is larger than {filesizeformat(settings.MAX_UPLOAD_BYTES)}."
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": detail, "code": "too_large"}, status=413)
    return render(request, "gallery/refused.html", {"detail": detail}, status=413)


def _announced_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _drain(request: HttpRequest, length: int) -> None:
    while length > 0:
        piece = request.read(min(length, PIECE_BYTES))
        if not piece:
            return
        length -= len(piece)
