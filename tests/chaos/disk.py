"""A disk that can really be full, and folders that really forbid writing.

The disk is mounted in a mount namespace of this process and its children. No other process sees it,
and the kernel removes it when the last of them ends.
"""

import ctypes
import errno
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# <linux/sched.h> and <sys/mount.h>
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
# File modes do not bind a process with these capabilities, as root has them.
WITHOUT_PRIVILEGE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
FORBIDDEN = 0o555


@contextmanager
def small(folder: Path, size_mb: int) -> Iterator[bool]:
    """Mount a tmpfs of `size_mb` on `folder` for the block; give False if that is not allowed.

    Call it while this process has one thread, and before starting the processes that must see it.
    """
    try:
        _enter_mount_namespace()
        _libc("mount", b"tmpfs", bytes(folder), b"tmpfs", 0, f"size={size_mb}m,mode=755".encode())
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        # MNT_DETACH: a process may still have a file open.
        _libc("umount2", bytes(folder), MNT_DETACH)


def _enter_mount_namespace() -> None:
    """Give this process its own mounts. Without root, it needs its own user namespace, too."""
    if os.geteuid() == 0:
        _libc("unshare", CLONE_NEWNS)
    else:
        user, group = os.geteuid(), os.getegid()
        _libc("unshare", CLONE_NEWUSER | CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _libc("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)


def _libc(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), function)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave no byte free on the disk of `folder` for the block."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            _fill(file.fileno())
        yield
    finally:
        ballast.unlink()


def _fill(descriptor: int) -> None:
    piece = bytes(1 << 16)
    while True:
        try:
            os.write(descriptor, piece)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return


@contextmanager
def forbidden(*folders: Path) -> Iterator[None]:
    """Forbid writing into `folders` and all folders below them, for the block."""
    modes = {
        Path(each): Path(each).stat().st_mode
        for folder in folders
        for each, _, _ in os.walk(folder)
    }
    try:
        for folder in modes:
            folder.chmod(FORBIDDEN)
        yield
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)


@functools.cache
def bound_by_modes() -> tuple[str, ...] | None:
    """Return the beginning of a command that file modes bind; None: it is not possible here."""
    for prefix in ((), WITHOUT_PRIVILEGE):
        if (not prefix or shutil.which(prefix[0])) and _is_bound(prefix):
            return prefix
    return None


def _is_bound(prefix: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(FORBIDDEN)
        command = [*prefix, "test", "!", "-w", folder]
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
