"""A disk that can be made to fail, in every process at once, by writing a file."""

import errno
import functools
import json
import os
import random
import time
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage

from tests.chaos.environment import Place


@functools.cache
def _trouble() -> Path:
    return Place.of_this_process().trouble


def suffer(operation: str, name: str) -> None:
    """Do to `operation` on `name` what the run has asked for.

    The file holds {operation: {"errno": name of it, "share": 0-1, "delay_s": seconds}}.
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


class TroubledStorage(FileSystemStorage):
    """FileSystemStorage whose reads may fail; `witness` lets the writes of workers fail."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        suffer("open", name)
        return super()._open(name, mode)

    def size(self, name: str) -> int:
        suffer("size", name)
        return super().size(name)

    def exists(self, name: str) -> bool:
        suffer("exists", name)
        return super().exists(name)


def __getattr__(name: str) -> Any:
    """Give `ImpatientS3Storage` to whoever asks; it needs boto3, which the others do not."""
    if name != "ImpatientS3Storage":
        raise AttributeError(name)
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    class ImpatientS3Storage(S3Storage):
        """Tries once and waits a second."""

        def __init__(self, **settings: Any) -> None:
            patience = {"connect_timeout": 1, "read_timeout": 1, "retries": {"max_attempts": 0}}
            config = Config(**patience, s3={"addressing_style": "path"})
            super().__init__(client_config=config, **settings)

    return ImpatientS3Storage
