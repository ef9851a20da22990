"""The state of the renditions of photos."""

from collections.abc import Sequence

from workers import progress
from workers.progress import Progress

from .models import Photo

KEY_SET = "gallery"


def progress_of(photo: Photo) -> Progress:
    return progress.progress_of(photo, "image", KEY_SET)


def progress_of_all(photos: Sequence[Photo]) -> list[Progress]:
    return progress.progress_of_all(photos, "image", KEY_SET)
