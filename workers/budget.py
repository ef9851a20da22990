"""The memory that one job may take.

`RLIMIT_AS` is lowered while a job runs and put back after it: the project's other tasks in the
same process are not bound by it. A job that asks for more gets a `MemoryError`, and its worker
lives. Only the soft limit is moved, and only downwards.

Linux only. macOS takes the limit and does not keep it, and Windows has none: there a job has no
budget, and `worker_max_memory_per_child` is all there is.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_in_use = threading.Lock()


@contextmanager
def memory_budget(megabytes: int) -> Iterator[None]:
    """Let this process grow by no more than `megabytes` until the block ends; 0: as it likes."""
    # The limit is the whole process's. Of several jobs in one, which prefork never has, the first
    # sets it.
    if not megabytes or sys.platform != "linux" or not _in_use.acquire(blocking=False):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    budget = _address_space_bytes() + megabytes * 1024**2
    others = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([budget, *others]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        _in_use.release()


def _address_space_bytes() -> int:
    # proc(5): the first number is the total program size, in pages.
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
