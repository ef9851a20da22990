"""Stands in for python-magic, whose C library not every machine has: mime types by signature."""

_SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


def from_buffer(data, mime=False):
    """Return the mime type of `data`."""
    return next(kind for start, kind in _SIGNATURES.items() if data.startswith(start))
