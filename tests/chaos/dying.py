"""A process of the project that changes a photograph, and is killed before or after its commit.

python -m tests.chaos.dying before|after CHANGE PRIMARY_KEY NUMBER
"""

import os
import signal
import sys
from typing import Any

MOMENTS = ("before", "after")


def main(moment: str, change: str, pk: str, number: str) -> None:
    """Change the row; `moment` is when the process dies."""
    import django

    django.setup()
    from django.db import connection, transaction

    from . import celery  # noqa: F401 - so that messages go to the broker of the run
    from .app.models import Photograph
    from .gallery import CHANGES

    row = Photograph.objects.get(pk=pk)
    commit = connection._commit

    def commit_and_die() -> Any:
        if moment == "after":
            commit()
        os.kill(os.getpid(), signal.SIGKILL)

    connection._commit = commit_and_die  # type: ignore[method-assign]
    with transaction.atomic():
        CHANGES[change](row, int(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
