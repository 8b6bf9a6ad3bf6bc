"""Locks on files, which the kernel releases when their holder dies.

POSIX has shared and exclusive locks (`flock`). Windows has exclusive locks on bytes: a shared
holder takes any one free byte of the first 256, an exclusive one takes them all.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from .private_file import open_private

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_SHARED_HOLDERS = 256


class FileLock:
    """A lock on one file: `try_shared` or `try_exclusive` take it, `release` gives it up.

    Closing is the only way it is released: an explicit unlock in a forked child would take
    the lock from the parent too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Is it held by this object, on the file that stands at the path today?"""
        if self._fd is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._fd), self._path.stat())
        except FileNotFoundError:
            return False

    def fileno(self) -> int:
        """The descriptor that carries the lock; a process that inherits it holds the lock too."""
        if self._fd is None:
            raise ValueError(f"the lock {self._path} is not held")
        return self._fd

    def try_shared(self) -> bool:
        """Take it together with other shared holders, now or not at all."""
        return self._try(shared=True)

    def try_exclusive(self) -> bool:
        """Take it alone, now or not at all."""
        return self._try(shared=False)

    def wait_shared(self, deadline: float) -> bool:
        """Take it shared before `deadline` (on the `time.monotonic` clock)."""
        return self._wait(deadline, shared=True)

    def wait_exclusive(self, deadline: float) -> bool:
        """Take it exclusively before `deadline` (on the `time.monotonic` clock)."""
        return self._wait(deadline, shared=False)

    def release(self) -> None:
        """Give it up; harmless when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _wait(self, deadline: float, *, shared: bool) -> bool:
        # A blocking lock cannot be given a time limit, so this asks again and again.
        pause = 0.001
        while not self._try(shared=shared):
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return True

    def _try(self, *, shared: bool) -> bool:
        self.release()
        fd = open_private(self._path)
        try:
            taken = _lock(fd, shared=shared)
        except BaseException:
            os.close(fd)
            raise
        if taken:
            self._fd = fd
        else:
            os.close(fd)
        return taken


def is_held(path: Path) -> bool:
    """Does anybody hold this lock, shared or exclusively? A file that is missing is not held."""
    return _refuses(path, shared=False)


def is_held_exclusively(path: Path) -> bool:
    """Does somebody hold this lock alone? Cheaper to share: two who ask do not see each other."""
    return _refuses(path, shared=True)


def _refuses(path: Path, *, shared: bool) -> bool:
    if not path.exists():
        return False
    lock = FileLock(path)
    taken = lock.try_shared() if shared else lock.try_exclusive()
    lock.release()
    return not taken


def _lock(fd: int, *, shared: bool) -> bool:
    if sys.platform == "win32":
        if not shared:
            return _lock_bytes(fd, 0, _SHARED_HOLDERS)
        return any(_lock_bytes(fd, holder, 1) for holder in range(_SHARED_HOLDERS))
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_bytes(fd: int, start: int, count: int) -> bool:
    if sys.platform != "win32":
        raise NotImplementedError("byte locks are for Windows")
    os.lseek(fd, start, os.SEEK_SET)
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, count)
    except OSError:
        return False
    return True
