"""Files in the server's folder, which only its owner may use.

Root, too, works in that folder, and its owner is an unprivileged account: so root follows no
symbolic link there, and gives away no file that has another name elsewhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none, nor root


def open_private(path: Path) -> int:
    """Open a file for reading and writing, or make it; returns its descriptor."""
    return _owned(os.open(path, os.O_RDWR | os.O_CREAT | _NOFOLLOW, 0o600), path)


def write_private(path: Path, text: str) -> None:
    """Make a new file with this text in place of any old one."""
    path.unlink(missing_ok=True)
    fd = _owned(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600), path)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)


def _owned(fd: int, path: Path) -> int:
    if sys.platform != "win32" and os.geteuid() == 0:
        made = os.fstat(fd)
        if made.st_uid == 0 and made.st_nlink == 1:
            folder = path.parent.stat()
            os.fchown(fd, folder.st_uid, folder.st_gid)
    return fd
