"""Files that nothing needs any more."""

from collections.abc import Iterable

from django.core.files.storage import Storage

from . import conf
from .plans import RenditionPlan
from .publishing import withdraw
from .records import Recorder


def prune(storage: Storage, plans: Iterable[RenditionPlan]) -> None:
    """Take the renditions of `plans` away and forget them.

    Raises:
        StorageFailed: the storage did not do it; what is known of those left stays.
    """
    recorder = Recorder(conf.store())
    for plan in plans:
        withdraw(storage, plan.path)
        recorder.forget(plan.storage, [plan.path])
