"""A storage that fails in all processes as a file of the run says."""

import errno
import functools
import json
import os
import random
import time
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage

from tests.chaos.environment import Environment

from .apps import ROLE


@functools.cache
def _trouble() -> Path:
    return Environment.of_this_process().trouble


def suffer(operation: str, name: str) -> None:
    """Delay `operation` on `name`, or let it fail, as the file of the run says.

    The file holds {operation: {"errno": "EIO", "share": 0-1, "delay_s": s, "only": text in name}}.
    """
    try:
        trouble = json.loads(_trouble().read_text()).get(operation)
    except (FileNotFoundError, ValueError):
        return
    if not trouble or trouble.get("only", "") not in name:
        return
    if random.random() < trouble.get("share", 1):
        time.sleep(trouble.get("delay_s", 0))
        if "errno" in trouble:
            number = getattr(errno, trouble["errno"])
            raise OSError(number, os.strerror(number), name)


def _is_worker() -> bool:
    return os.environ.get(ROLE) == "worker"


class TroubledStorage(FileSystemStorage):
    """A storage whose reads may fail. In workers, it may also fail to delete and to list.

    `witness` does the same to the writes of workers.
    """

    def _open(self, name: str, mode: str = "rb") -> Any:
        suffer("open", name)
        return super()._open(name, mode)

    def size(self, name: str) -> int:
        suffer("size", name)
        return super().size(name)

    def exists(self, name: str) -> bool:
        suffer("exists", name)
        return super().exists(name)

    def delete(self, name: str) -> None:
        if _is_worker():
            suffer("delete", name)
        super().delete(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        if _is_worker():
            suffer("listdir", path)
        return super().listdir(path)


def __getattr__(name: str) -> Any:
    """Define `ImpatientS3Storage` at its first use: only the fault `s3` needs boto3."""
    if name != "ImpatientS3Storage":
        raise AttributeError(name)
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    class ImpatientS3Storage(S3Storage):
        """Tries each request once and waits for one second."""

        def __init__(self, **settings: Any) -> None:
            patience = {"connect_timeout": 1, "read_timeout": 1, "retries": {"max_attempts": 0}}
            # The proxy lets only the requests of workers fail.
            role = os.environ.get(ROLE, "")
            config = Config(**patience, s3={"addressing_style": "path"}, user_agent_extra=role)
            super().__init__(client_config=config, **settings)

    return ImpatientS3Storage
