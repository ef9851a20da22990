"""Celery's own lines about a job whose process is gone: WARNING, because the job is tried again.

Celery calls each of them an ERROR, and an error tracker would make an event of each attempt. The
job that is given up in the end is one ERROR of `workers.ledger` or `workers.worker`.
"""

import logging
from typing import Any

from celery.exceptions import WorkerLostError
from celery.worker.request import Request

from .conf import TaskName


class JobRequest(Request):
    """A message for a job, as the main process of a worker handles it."""

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        """Handle a failure; `on_task_failure` logs the loss of a process."""
        # billiard wraps the error of a process that has raised it.
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        # Without `return_ok`, Celery would log an ERROR besides. All else is the same.
        is_lost = isinstance(error, WorkerLostError | SystemExit | KeyboardInterrupt)
        super().on_failure(exc_info, send_failed_event, return_ok=return_ok or is_lost)


def lower_time_limits() -> None:
    """Let the line about the hard time limit of a job be a WARNING."""
    logging.getLogger("celery.worker.request").addFilter(_lower)


def _lower(record: logging.LogRecord) -> bool:
    # The arguments of Celery's line are the limit, the name of the task and its id.
    about_job = isinstance(record.args, tuple) and record.args[1:2] == (TaskName.WARM,)
    if record.levelno == logging.ERROR and about_job:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True
