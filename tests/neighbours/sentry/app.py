"""The Celery app of the worker, and Sentry with a transport that keeps the events in a file."""

import json
import os
from pathlib import Path
from typing import Any

import sentry_sdk
from celery import Celery
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.transport import Transport

from workers.conf import CELERY


class Keeping(Transport):
    """Appends each event to a file, which all processes of the worker share."""

    def capture_envelope(self, envelope: Any) -> None:
        event = envelope.get_event()
        if event is not None:
            with Path(os.environ["SENTRY_EVENTS"]).open("a") as file:
                file.write(json.dumps(event, default=str) + "\n")


# All integrations that Sentry finds: Django, Celery, Redis, logging.
sentry_sdk.init(dsn="http://key@127.0.0.1/1", transport=Keeping)

for name in os.environ["SENTRY_IGNORES"].split():
    ignore_logger(name)

app = Celery("sentry", broker=os.environ["SENTRY_BROKER"], config_source=CELERY)
