"""The public pages."""

from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from django.views.static import serve

from renditions.prefetch import prefetch_renditions
from renditions.views import rendition

from .forms import UploadForm
from .models import Photo
from .progress import progress_of, progress_of_all

PAGE_SIZE = 24
# The script polls only this part of a page while renditions are being made.
PARTS = {"gallery": "gallery/_grid.html", "photo": "gallery/_renditions.html"}


@require_http_methods(["GET", "HEAD", "POST"])
def gallery(request: HttpRequest) -> HttpResponse:
    """Show all photos, newest first; POST adds a photo."""
    may_upload = settings.ANONYMOUS_UPLOADS or request.user.is_authenticated
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and not may_upload:
        raise PermissionDenied
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    page = Paginator(Photo.objects.all(), PAGE_SIZE).get_page(request.GET.get("page"))
    # Otherwise each picture would ask the cache.
    photos = prefetch_renditions(list(page), "image")
    context = {
        "form": form,
        "may_upload": may_upload,
        "page": page,
        "entries": progress_of_all(photos),
    }
    status = 400 if form.is_bound and form.errors else 200
    return render(request, _template(request, "gallery"), context, status=status)


@require_safe
def photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a photo, its renditions and their state."""
    [photo] = prefetch_renditions([get_object_or_404(Photo, pk=pk)], "image")
    progress = progress_of(photo)
    return render(request, _template(request, "photo"), {"progress": progress})


def _template(request: HttpRequest, page: str) -> str:
    return PARTS[page] if request.GET.get("part") else f"gallery/{page}.html"


@require_safe
def media(request: HttpRequest, path: str) -> HttpResponseBase:
    """Serve an original or a rendition, in a sandbox so that no script in it can run.

    A missing rendition is made first.
    """
    try:
        response = serve(request, path, document_root=settings.MEDIA_ROOT)
    except Http404:
        made = rendition(request, path)
        if made.status_code == HTTPStatus.NOT_FOUND:
            # The page of the gallery is friendlier.
            raise
        return made
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    # The content of a URL does not change: a new focal point or a new upload has a new name.
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
