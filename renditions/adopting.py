"""Files that exist already: is this one a rendition that can be taken over as it is?"""

from typing import BinaryIO, cast

from django.core.files.storage import Storage

from . import conf
from .errors import PermanentError
from .imaging.sources import check_whole
from .plans import RenditionPlan


def is_adoptable(storage: Storage, plan: RenditionPlan) -> bool:
    """Whether a whole picture lies at the plan's path that is not older than its original."""
    if not storage.exists(plan.path):
        return False
    return not _is_older(storage, plan.path, plan.original.name) and _is_whole(storage, plan.path)


def _is_older(storage: Storage, path: str, original: str) -> bool:
    try:
        return storage.get_modified_time(path) < storage.get_modified_time(original)
    except NotImplementedError:
        # A storage without dates: the name is all the proof there is.
        return False


def _is_whole(storage: Storage, path: str) -> bool:
    with storage.open(path, "rb") as file:
        try:
            check_whole(cast("BinaryIO", file), conf.limits())
        except PermanentError:
            return False
    return True
