"""Send hints. A hint that gets lost costs time, never a rendition: the sweep sends it again."""

import logging
import time

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from . import conf, ledger

logger = logging.getLogger(__name__)

WARM_TASK = "renditions.warm"
SWEEP_TASK = "renditions.sweep"
# After a broker did not answer, savers do not wait for it again for this long.
CIRCUIT_OPEN_S = 5.0

_silent_until = 0.0


def send_after_commit(hint: ledger.Hint) -> None:
    """Send `hint` when the transaction is committed; whatever the broker does, the save stands."""
    transaction.on_commit(lambda: _send_or_leave_to_sweep(hint), using=hint.using, robust=True)


def send(hint: ledger.Hint) -> None:
    """Send one message.

    Raises:
        kombu.exceptions.OperationalError: the broker cannot be reached. It may still have taken
            the message; a doubled hint finds nothing to claim.
    """
    current_app.send_task(
        WARM_TASK,
        kwargs={"using": hint.using, "job_id": hint.job_id, "generation": hint.generation},
        queue=conf.BULK_QUEUE if hint.bulk else conf.QUEUE,
        ignore_result=True,
        retry=False,
        soft_time_limit=conf.get("SOFT_TIME_LIMIT_S"),
        time_limit=conf.get("HARD_TIME_LIMIT_S"),
    )


def send_due(using: str, *, bulk: bool) -> int:
    """Send what is due and in nobody's hands, as far as its queue has room; return how many.

    Raises:
        kombu.exceptions.OperationalError: the broker cannot be reached.
    """
    sent = []
    there = room(conf.BULK_QUEUE if bulk else conf.QUEUE)
    for hint in ledger.due(using, there, bulk=bulk, resend_after_s=conf.get("RESEND_AFTER_S")):
        send(hint)
        sent.append(hint)
    ledger.mark_hinted(using, sent)
    return len(sent)


def send_sweep() -> None:
    """Ask a worker to send whatever is due now; a broker that is away has its sweep from beat."""
    try:
        current_app.send_task(SWEEP_TASK, queue=conf.QUEUE, ignore_result=True, retry=False)
    except OperationalError as error:
        logger.warning("No sweep could be asked for: %s", error)


def room(queue: str) -> int:
    """Return how many messages may be put into `queue` so that it holds no more than a window."""
    with current_app.connection_for_write() as connection:
        try:
            # Passive: it counts and makes nothing.
            declared = connection.default_channel.queue_declare(queue, passive=True)  # type: ignore[attr-defined]
            waiting = int(declared.message_count)
        except connection.channel_errors:
            # The queue has not been made yet.
            waiting = 0
    return max(0, conf.get("MAX_QUEUED") - waiting)


def _send_or_leave_to_sweep(hint: ledger.Hint) -> None:
    global _silent_until
    if time.monotonic() >= _silent_until:
        try:
            send(hint)
        except OperationalError as error:
            _silent_until = time.monotonic() + CIRCUIT_OPEN_S
            logger.warning(
                "The broker did not take a message; the sweep will send it. For %.0f s no more "
                "are tried: %s",
                CIRCUIT_OPEN_S,
                error,
            )
        else:
            return
    ledger.mark_unhinted(hint)
