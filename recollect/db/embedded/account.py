"""Running as root: PostgreSQL refuses to, so it runs as an unprivileged system account.

The owner of the server's folder decides. Root gives a new folder to the account `recollect` or
`postgres`, whichever exists, and makes a system account `recollect` where neither does. Root on
another person's folder works as that person. See docs/decisions/embedded-root-account.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import pwd

_NAMES = ("recollect", "postgres")
_YES, _NO, _NOT_ALLOWED = 0, 1, 2


class AccountError(Exception):
    """There is no unprivileged account to run as, or root may not switch to it."""


@dataclass(frozen=True, slots=True)
class Account:
    """Numeric ids: an existing folder's owner needs no entry in the password file."""

    uid: int
    gid: int


def is_root() -> bool:
    """Is this process root, on a system that has one?"""
    return sys.platform != "win32" and os.geteuid() == 0


def choose_account() -> Account:
    """The account that root gives a new server folder to. Makes one if none exists."""
    found = _existing()
    if found is None:
        _create()
        found = _existing()
    if found is None:
        raise AccountError(
            "PostgreSQL cannot run as root, and there is no unprivileged account for it. Create one (`useradd"
            " --system recollect`), run Recollect as an ordinary user, or set RECOLLECT_DATABASE_URL."
        )
    return found


def _existing() -> Account | None:
    if sys.platform == "win32":
        return None
    for name in _NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    return None


def _create() -> None:
    commands = (
        (
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            _NAMES[0],
        ),
        ("adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", _NAMES[0]),  # Alpine's
    )
    for command in commands:
        program = shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin:/bin")
        if program is None:
            continue
        done = subprocess.run([program, *command[1:]], capture_output=True, check=False)  # noqa: S603 - fixed
        if done.returncode == 0 or _existing() is not None:  # another process may have been faster
            return


def become(account: Account) -> None:
    """Give up root for good, with all its groups. Nothing here can undo it."""
    if sys.platform == "win32":
        return
    try:
        os.setgroups([])
        os.setgid(account.gid)
        os.setuid(account.uid)
    except OSError as error:
        raise _not_allowed(account) from error


def _not_allowed(account: Account) -> AccountError:
    return AccountError(
        f"PostgreSQL cannot run as root, and root may not switch to account {account.uid} here. Run Recollect"
        " as an ordinary user, allow root SETUID and SETGID, or set RECOLLECT_DATABASE_URL."
    )


def can_run(program: Path, account: Account) -> bool:
    """May this account run this program? Tried by a child that has become the account.

    For single-threaded processes only: it forks. Raises AccountError when root may not become it.
    """
    if sys.platform == "win32":
        return True
    child = os.fork()
    if child == 0:
        answer = _NOT_ALLOWED
        try:
            become(account)
            # The folders too: PostgreSQL resolves its own path and reads ../share and ../lib.
            runs = os.access(program, os.X_OK) and os.access(program.resolve().parent.parent, os.R_OK)
            answer = _YES if runs else _NO
        finally:
            os._exit(answer)
    answer = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if answer == _NOT_ALLOWED:
        raise _not_allowed(account)
    return answer == _YES
