"""A process that dies with its parent, also where the parent is killed with -9.

    python config/lifeline.py PARENT_PID COMMAND...

runs COMMAND in its own place, bound to the parent. Linux only: macOS offers nothing like it, so
there a process goes on until somebody ends it.
"""

import ctypes
import os
import signal
import sys

# <linux/prctl.h>. It is kept over exec and lost over fork, so each child must ask for itself.
PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int | None = None) -> None:
    """Have the kernel kill this process when its parent ends.

    Args:
        parent_pid: Who the parent should be; it may have ended before the kernel was asked.
    """
    expected = os.getppid() if parent_pid is None else parent_pid
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 the whole purpose of it
