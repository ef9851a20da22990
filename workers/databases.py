"""Which databases have a ledger."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db import Error as DatabaseTrouble
from django.db import connections, models, router

from .models import WarmJob

logger = logging.getLogger(__name__)

T = TypeVar("T")


def with_ledger(model: type[models.Model] | None = None) -> Iterator[str]:
    """Return the aliases of the databases that have a ledger, and the table of `model`."""
    for using in connections:
        if router.allow_migrate_model(using, WarmJob) and (
            model is None or router.allow_migrate_model(using, model)
        ):
            yield using


def in_each(do: Callable[[str], T], model: type[models.Model] | None = None) -> list[T]:
    """Return what `do` gives for each of them; one that cannot be reached stops no other."""
    results = []
    for using in with_ledger(model):
        try:
            results.append(do(using))
        except DatabaseTrouble as error:
            logger.warning(
                "The ledger in %r was left out. If it is a replica, let the router not migrate "
                "'rendition_workers' there. %s",
                using,
                error,
            )
    return results
