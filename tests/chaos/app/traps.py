"""A sizer that harms its process. The width of the picture says how."""

import ctypes
import os
import signal
import time

from renditions.imaging.geometry import Box, FocalPoint, Size
from renditions.imaging.sizers import Cut, Sizer
from renditions.registry import versatileimagefield_registry

WIDTHS = {"segfault": 101, "memory": 102, "hang": 103, "kill-worker": 104, "hungry": 105}


class TrapSizer(Sizer):
    filename_key = "trap"
    filename_key_regex = "trap"

    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        if source.width == WIDTHS["segfault"]:
            ctypes.string_at(0)
        if source.width == WIDTHS["memory"]:
            raise MemoryError
        if source.width == WIDTHS["hang"]:
            # Forever in C, where no Python signal handler runs.
            _deadlock()
        if source.width == WIDTHS["kill-worker"]:
            os.kill(os.getppid(), signal.SIGKILL)
            # The kernel kills this process as well (parent_death), but not at once.
            time.sleep(5)
        if source.width == WIDTHS["hungry"]:
            bytearray(4 << 30)
        return Cut(Box.of(source), target)


def _deadlock() -> None:
    """Take a lock twice. Unlike an endless loop, this uses no processor time."""
    lock, libc = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
    libc.pthread_mutex_lock(lock)
    libc.pthread_mutex_lock(lock)


def register() -> None:
    versatileimagefield_registry.register_sizer("trap", TrapSizer)
