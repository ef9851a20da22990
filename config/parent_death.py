"""Kill a process as soon as its parent ends, even when the parent was killed with SIGKILL.

    python -I config/parent_death.py PARENT_PID COMMAND...

replaces itself with COMMAND. This works on Linux only. macOS has no such call: there COMMAND goes
on running until it is ended by hand.
"""

import ctypes
import os
import signal
import sys

# <linux/prctl.h>. exec keeps the setting and fork clears it, so each child must set it again.
PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int | None = None) -> None:
    """Ask the kernel to kill this process when its parent ends.

    The kernel means the thread that forked, so start such a process from a thread that stays.

    Args:
        parent_pid: The expected parent. It may have ended before this call (race); then this
            process ends at once. Default: the present parent.
    """
    expected = os.getppid() if parent_pid is None else parent_pid
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - running a command is the purpose
