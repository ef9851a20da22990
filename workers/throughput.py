"""How many jobs were ended in each minute: a row for each worker process and minute."""

import logging
import os
import socket
from datetime import UTC, timedelta

from django.db import Error as DatabaseError
from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.db.models.functions import Now, TruncMinute

from renditions.outages import Outage

from .models import Throughput

logger = logging.getLogger(__name__)

_outage = Outage(logger, "throughput")

MINUTES = 60
# A sweep deletes older rows.
KEPT = timedelta(hours=3)
# In UTC: SQLite would store the beginning of the minute in the time zone of the project.
THIS_MINUTE = TruncMinute(Now(), tzinfo=UTC)


def note(using: str, *, made: int = 0, failed: int = 0) -> None:
    """Count jobs that this process has just ended; an error of the database is only logged."""
    key = {"minute": THIS_MINUTE, "process": f"{socket.gethostname()}:{os.getpid()}"}
    rows = Throughput.objects.using(using)
    more = {"made": F("made") + made, "failed": F("failed") + failed}
    try:
        if rows.filter(**key).update(**more):
            _outage.ended("The throughput is noted again, after %.0f s.")
            return
        # A savepoint: a job may run in a transaction of a test.
        with transaction.atomic(using=using):
            rows.create(**key, made=made, failed=failed)
    except IntegrityError:
        # Two containers with one host name, whose processes have one number.
        rows.filter(**key).update(**more)
    except DatabaseError as error:
        _outage.began("The throughput could not be noted: %s", error)


def last_minutes(using: str) -> list[tuple[int, int]]:
    """Return how many jobs were made and failed in each of the last 60 minutes, oldest first.

    The last entry is the present minute, which is not over.
    """
    rows = Throughput.objects.using(using).filter(
        minute__gt=THIS_MINUTE - timedelta(minutes=MINUTES)
    )
    counted = rows.values("minute").annotate(
        now=THIS_MINUTE, made=Sum("made"), failed=Sum("failed")
    )
    minutes = [(0, 0)] * MINUTES
    for row in counted:
        age = round((row["now"] - row["minute"]).total_seconds() / 60)
        if 0 <= age < MINUTES:
            minutes[MINUTES - 1 - age] = (row["made"], row["failed"])
    return minutes


def forget(using: str) -> None:
    """Delete what no page shows any more."""
    Throughput.objects.using(using).filter(minute__lt=Now() - KEPT).delete()
