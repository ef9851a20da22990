"""Send messages. Each is only a hint: a lost one costs time, and the sweep sends it again."""

import logging
import re
import time
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from celery import Celery, current_app
from celery._state import _get_active_apps  # type: ignore[attr-defined]
from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from renditions.outages import Outage

from . import ledger
from .conf import BULK_QUEUE, QUEUE, TaskName, worker_settings

logger = logging.getLogger(__name__)

# Circuit breaker: after the broker failed, saves do not try it again for this long.
CIRCUIT_OPEN_S = 5.0

_circuit_open_until = 0.0

_counts = Outage(logger, "broker")
# A broker that is full may take no message and still tell how many wait.
_sends = Outage(logger, "broker", part_of=_counts)


def celery_app() -> Celery:
    """Return the Celery app whose workers make the renditions.

    A process may have several apps, and which of them is the current one depends on the thread and
    on the order of imports. The app that routes our tasks to our queue is the one, unless the
    settings name it.
    """
    path = worker_settings().celery_app
    if path:
        named: Celery = import_string(path)
        return named
    # Not the proxy, which is another app in another thread.
    current: Celery = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    if routes_our_tasks(current):
        return current
    others = [app for app in _get_active_apps() if routes_our_tasks(app)]
    return others[0] if len(others) == 1 else current


def routes_our_tasks(app: Celery) -> bool:
    """Whether a job that is sent through `app` goes to our queue."""
    queue: Any = app.amqp.router.route({}, TaskName.WARM, (), {}).get("queue")
    return str(getattr(queue, "name", queue)) == QUEUE


def send_after_commit(hint: ledger.Hint) -> None:
    """Send `hint` after the commit. An error of the broker never reaches the save."""
    transaction.on_commit(lambda: _send_or_leave_to_sweep(hint), using=hint.using, robust=True)


def send(hint: ledger.Hint) -> None:
    """Send the message for one job.

    Raises:
        kombu.exceptions.OperationalError: the broker did not answer. It may still have taken the
            message; a message that is sent twice finds nothing to claim.
    """
    queue = BULK_QUEUE if hint.bulk else QUEUE
    _send(TaskName.WARM, queue, using=hint.using, job_id=hint.job_id, generation=hint.generation)


def send_advance(using: str, run_id: int) -> None:
    """Send the message for the next step of a bulk run.

    Raises:
        kombu.exceptions.OperationalError: the broker did not answer.
    """
    _send(TaskName.ADVANCE_RUN, BULK_QUEUE, using=using, run_id=run_id)


def send_tell(using: str) -> None:
    """Send the message to tell the events that are due.

    Raises:
        kombu.exceptions.OperationalError: the broker did not answer.
    """
    _send(TaskName.TELL, QUEUE, using=using)


def send_due(using: str, work: ledger.Work) -> int:
    """Send hints for the jobs that are due, as far as their queue has room; return how many.

    Raises:
        kombu.exceptions.OperationalError: the broker did not answer.
    """
    free = room(BULK_QUEUE if work.is_bulk else QUEUE)
    resend_after_s = worker_settings().resend_after_s
    sent = []
    for hint in ledger.due(using, free, work, resend_after_s=resend_after_s):
        send(hint)
        sent.append(hint)
    ledger.mark_hinted(using, sent)
    return len(sent)


def send_sweep() -> None:
    """Ask a worker for a sweep now. If the broker is away, the next scheduled sweep follows."""
    with suppress(OperationalError):
        _send(TaskName.SWEEP, QUEUE, is_scheduled=False)


def room(queue: str) -> int:
    """Return how many more messages `queue` may hold, up to MAX_QUEUED."""
    return max(0, worker_settings().max_queued - waiting(queue))


def waiting(queue: str) -> int:
    """Return how many messages wait in `queue`.

    Raises:
        kombu.exceptions.OperationalError: the broker did not answer.
    """
    app = celery_app()
    if app.conf.task_always_eager:
        # Nothing is queued.
        return 0
    try:
        number = _number_of_messages(app, queue)
    except OperationalError as error:
        _counts.began(
            "The broker does not answer. Jobs wait on the ledger, and a sweep sends them: %s",
            without_passwords(str(error)),
        )
        raise
    _counts.ended("The broker answers again, after %.0f s.")
    return number


def _number_of_messages(app: Celery, queue: str) -> int:
    with app.connection_for_write() as connection:
        try:
            # passive: count the messages, and do not create the queue.
            declared = connection.default_channel.queue_declare(queue, passive=True)  # type: ignore[attr-defined]
            return int(declared.message_count)
        except connection.channel_errors:
            # The queue does not exist yet.
            return 0


def without_passwords(text: str) -> str:
    """Return what a client of the broker said, without the password of any address in it."""
    text = re.sub(r"(//[^/\s:@]*:)[^/\s]*@", r"\1***@", text)
    for url in str(celery_app().conf.broker_write_url or "").split(";"):
        password = urlsplit(url).password
        for secret in {password, unquote(password or "")} - {None, ""}:
            text = text.replace(str(secret), "***")
    return text


def _send(task: TaskName, queue: str, **kwargs: Any) -> None:
    try:
        _publish(task, queue, kwargs)
    except OperationalError as error:
        _sends.began(
            "The broker did not take a message; the sweep will send it. %s",
            without_passwords(str(error)),
        )
        raise
    _sends.ended("The broker takes messages again, after %.0f s.")


def _publish(task: TaskName, queue: str, kwargs: dict[str, Any]) -> None:
    settings = worker_settings()
    # Not `app.send_task`, which ignores `task_always_eager`.
    celery_app().tasks[task].apply_async(  # type: ignore[call-arg]
        kwargs=kwargs,
        # For logs and monitors. What Celery makes of any object takes a tenth of the time.
        argsrepr="()",
        kwargsrepr=repr(kwargs),
        queue=queue,
        ignore_result=True,
        retry=False,
        soft_time_limit=settings.soft_time_limit_s,
        time_limit=settings.hard_time_limit_s,
    )


def _send_or_leave_to_sweep(hint: ledger.Hint) -> None:
    global _circuit_open_until
    if time.monotonic() >= _circuit_open_until:
        try:
            send(hint)
        except OperationalError:
            _circuit_open_until = time.monotonic() + CIRCUIT_OPEN_S
        else:
            return
    ledger.mark_unhinted(hint)
