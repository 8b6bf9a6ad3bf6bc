"""A short name for the socket's folder, where its own path is too long for a socket or has odd characters.

The socket always lies in the server's private folder. The short name is a symbolic link in a new,
private folder with a random name, in the runtime folder or the temporary one: another user can
neither guess it nor make it first, and it is checked each time before it is used.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
from pathlib import Path

from .layout import PORT, Layout
from .private_file import write_private

_LONGEST = 103 if sys.platform == "darwin" else 107
"""Bytes in the path of a socket, its file name included."""
_LINK = "s"


def socket_folder(layout: Layout) -> Path:
    """The folder to connect through: its own path, or the link. For holders of the boot lock."""
    if _usable(layout.run):
        return layout.run
    known = known_alias(layout)
    if known is not None:
        return known
    folder = Path(tempfile.mkdtemp(prefix="recollect-", dir=_short_place()))
    link = folder / _LINK
    link.symlink_to(layout.run, target_is_directory=True)
    if os.geteuid() == 0:
        owner = layout.base.stat()
        os.chown(link, owner.st_uid, owner.st_gid, follow_symlinks=False)
        os.chown(folder, owner.st_uid, owner.st_gid)
    write_private(layout.alias, str(folder))
    return link


def known_alias(layout: Layout) -> Path | None:
    """The folder to connect through if it can be told without making anything, else None."""
    if _usable(layout.run):
        return layout.run
    try:
        folder = Path(layout.alias.read_text(encoding="utf-8"))
        found = folder.lstat()
        target = (folder / _LINK).readlink()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
    ours = found.st_uid == layout.base.stat().st_uid
    return folder / _LINK if private and ours and target == layout.run else None


def keep_alias(layout: Layout) -> None:
    """Renew its times, so that what cleans the temporary folder by age leaves it alone."""
    with contextlib.suppress(OSError):  # there is none, or it is gone; the next client makes one
        folder = Path(layout.alias.read_text(encoding="utf-8"))
        os.utime(folder)
        os.utime(folder / _LINK, follow_symlinks=False)


def forget_alias(layout: Layout) -> None:
    """Take it away, when the server stops."""
    with contextlib.suppress(OSError):
        folder = Path(layout.alias.read_text(encoding="utf-8"))
        layout.alias.unlink()
        (folder / _LINK).unlink()
        folder.rmdir()


def _usable(folder: Path) -> bool:
    length = len(os.fsencode(folder / f".s.PGSQL.{PORT}"))
    # A list of hosts is split at commas, and a URL holds UTF-8 alone: Python shows each byte that is none
    # as one of the surrogates. The rest of the alphabet is percent-encoded by the URL.
    return length <= _LONGEST and re.search("[,\x00-\x1f\udc80-\udcff]", str(folder)) is None


def _short_place() -> Path:
    for name in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
        if (
            name
            and Path(name).is_dir()
            and os.access(name, os.W_OK)
            and _usable(Path(name) / "recollect-12345678")
        ):
            return Path(name)
    return Path("/tmp")  # noqa: S108 - a new private folder with a random name is made in it
