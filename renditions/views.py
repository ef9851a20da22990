"""The view behind a 404 of the media path: it makes a missing rendition and serves it."""

import hashlib

from django.contrib.auth.decorators import login_not_required
from django.db.transaction import non_atomic_requests
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from . import conf, on_request
from .signing import PARAMETER

# Without the setting CACHE_CONTROL: a replaced original has the same URL.
CACHE_S = 300
# `format_of` needs no more of a file.
HEAD_BYTES = 128


# A made rendition is served without a login, so a missing one is, too. A transaction would be open
# as long as the request waits.
@non_atomic_requests
@login_not_required
@require_safe
def rendition(request: HttpRequest, path: str, storage: str | None = None) -> HttpResponseBase:
    """Serve the rendition at `path`, and make it first if it is missing.

    Args:
        path: On the storage of the renditions.
        storage: Alias of the only storage that is served; None: those whose URLs lead here.
    """
    token = request.GET.get(PARAMETER)
    try:
        if token is None:
            wanted = on_request.declared(path, request.path, storage)
        else:
            wanted = on_request.signed(path, token)
    except on_request.Expired:
        return _answer(410, "This URL has expired.")
    if wanted is None:
        return _answer(404, "Not found.")
    made = on_request.obtain(wanted)
    if isinstance(made, on_request.Made):
        return _serve(request, made, wanted.cache_s)
    if made.retry_after_s is None:
        return _answer(404, "Not found.")
    return _answer(503, "Try again later.", {"Retry-After": str(made.retry_after_s)})


def _answer(status: int, text: str, headers: dict[str, str] | None = None) -> HttpResponse:
    # Not a page of the project: it costs more, and strangers choose how often it is made. Nothing
    # may keep the answer, because the picture may be uploaded a moment later.
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain", headers=headers)


def _serve(request: HttpRequest, made: on_request.Made, cache_s: int | None) -> HttpResponseBase:
    told = conf.headers_for(made.file.read(HEAD_BYTES))
    made.file.seek(0)
    validators = _validators(made)
    response = FileResponse(
        made.file,
        content_type=told.content_type or "application/octet-stream",
        headers={
            "Cache-Control": _cache_control(told.cache_control, cache_s),
            "X-Content-Type-Options": "nosniff",
            # No script in it can run, whatever it is.
            "Content-Security-Policy": "default-src 'none'; sandbox",
            **validators,
        },
    )
    modified = int(made.info.modified.timestamp()) if made.info.modified else None
    answer: HttpResponseBase | None = get_conditional_response(
        request,
        validators.get("ETag"),
        modified,
        response,  # type: ignore[arg-type]
    )
    if answer is not None and answer is not response:
        # Not `response.close()`, which says that the request is over.
        made.file.close()
        return answer
    return response


def _cache_control(chosen: str | None, cache_s: int | None) -> str:
    if cache_s is not None:
        return f"public, max-age={min(CACHE_S, cache_s)}"
    return chosen or f"public, max-age={CACHE_S}"


def _validators(made: on_request.Made) -> dict[str, str]:
    if made.info.modified is None:
        # The version is perhaps the same for each content.
        return {}
    digest = hashlib.blake2b(made.info.version.encode(), digest_size=12).hexdigest()
    return {
        "ETag": f'"{digest}"',
        "Last-Modified": http_date(made.info.modified.timestamp()),
    }
