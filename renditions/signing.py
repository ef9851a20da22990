"""Signed URLs: the project itself asks for a rendition that no field declares.

A signed URL is the ordinary URL of the rendition, with a token. So a web server or a CDN that has
the file serves it and ignores the token. Only if the file is missing, the token allows to make it.
"""

import math
import time
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage
from django.core.signing import BadSignature, Signer
from django.urls import NoReverseMatch, reverse

from .imaging.geometry import FocalPoint
from .planning.keys import InvalidSizeKey, RenditionKey
from .planning.plans import RenditionPlan
from .storage import storage_label
from .storage.urls import url_of

PARAMETER = "signed"
# A longer token is not ours.
MOST_TOKEN_LETTERS = 4096


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token says."""

    field: str  # app.Model.field
    name: str  # of the original
    ppoi: FocalPoint
    key: RenditionKey
    expires_at: int | None  # seconds since 1970; None: never

    @property
    def left_s(self) -> float | None:
        """Seconds until it expires, negative afterwards; None: it never does."""
        return None if self.expires_at is None else self.expires_at - time.time()


def signed_url(storage: Storage, plan: RenditionPlan, expires_in: float | timedelta | None) -> str:
    """Return an URL that makes the rendition of `plan` if its file is missing.

    Args:
        storage: That of the rendition.
        expires_in: Seconds. The URL is valid for at least this long, and at most twice as long.
            It stays the same for this long, so that browsers and CDNs can cache it.

    Raises:
        ImproperlyConfigured: the URLconf does not have `renditions.urls`.
        ValueError: `expires_in` is not positive.
    """
    original = plan.original
    payload = [
        original.field,
        original.name,
        *original.ppoi.as_tuple,
        str(plan.key),
        _expires_at(expires_in),
    ]
    return f"{_address(storage, plan.path)}?{PARAMETER}={_signer().sign_object(payload)}"


def read_token(token: str) -> Ticket | None:
    """Return what the token says; None: this project has not signed it.

    The signature is compared first: a forged token costs one hash for each key, and is not parsed.
    """
    if len(token) > MOST_TOKEN_LETTERS:
        return None
    try:
        field, name, x, y, key, expires_at = _signer().unsign_object(token)
        return Ticket(field, name, FocalPoint(x, y), RenditionKey.parse(key), expires_at)
    except (BadSignature, InvalidSizeKey):
        # Another release can have signed a key that this one does not know.
        return None


def makes_on_request() -> bool:
    """Whether the URLconf has the view that makes missing renditions."""
    try:
        _view_address("x")
    except NoReverseMatch:
        return False
    return True


def serves(storage: Storage, path: str, address: str, alias: str | None) -> bool:
    """Whether a request for `address` is one for the file at `path` of `storage`.

    A private storage has the same paths as a public one, so the path alone does not tell: the
    storage must say that strangers find the file there.

    Args:
        address: Path of the requested URL.
        alias: The only storage that the URLconf serves there; None: it names none.
    """
    if alias is not None:
        return storage_label(storage) == alias
    if _has_borrowed_address(storage):
        return False
    try:
        url = urlsplit(url_of(storage, path))
    except (NotImplementedError, ValueError):
        # The files of this storage have no URL.
        return False
    # Only the URL of a private file has a query: it holds the signature.
    return unquote(url.path) == address and not url.query


def _has_borrowed_address(storage: Storage) -> bool:
    """Whether `storage` is another folder than MEDIA_ROOT, and only by default has its URL."""
    if not isinstance(storage, FileSystemStorage) or getattr(storage, "_base_url", "") is not None:
        return False
    return storage.location != FileSystemStorage().location


def _address(storage: Storage, path: str) -> str:
    """Return the URL of the view for this file; that of the storage if both are one."""
    try:
        ours = _view_address(path)
    except NoReverseMatch:
        raise ImproperlyConfigured(
            "A signed URL needs the view that makes renditions. Add to the URLconf: "
            "path('media/', include('renditions.urls')), with the path of MEDIA_URL."
        ) from None
    if serves(storage, path, unquote(ours), None):
        # Its host may be that of a CDN.
        return url_of(storage, path)
    return ours


def _view_address(path: str) -> str:
    return reverse("renditions:rendition", args=[path])


def _expires_at(expires_in: float | timedelta | None) -> int | None:
    if expires_in is None:
        return None
    seconds = expires_in.total_seconds() if isinstance(expires_in, timedelta) else expires_in
    if seconds < 1:
        raise ValueError(f"expires_in={expires_in!r} is less than a second.")
    return math.ceil((time.time() // seconds + 2) * seconds)


def _signer() -> Signer:
    # SECRET_KEY signs. SECRET_KEY_FALLBACKS are accepted, too. If what is signed changes, it needs
    # another salt: then a token of an older release counts as forged.
    return Signer(salt="renditions.signed_url")
