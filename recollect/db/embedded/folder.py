"""Making and checking the server's private folder."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from .account import AccountError, choose_account, is_root
from .layout import Layout


class FolderError(Exception):
    """The folder cannot be used as it stands; the text says what to change."""


def prepare(layout: Layout) -> None:
    """Make the folder if it is missing; refuse one that others can enter or that is someone else's.

    Folders that exist keep their modes, whatever they are.
    """
    try:
        check(layout.base)
    except FileNotFoundError:
        _make(layout.base)
        check(layout.base)
    except NotADirectoryError as error:
        raise FolderError(f"{layout.base.parent} is not a folder: choose another RECOLLECT_HOME.") from error
    except PermissionError as error:
        raise FolderError(f"{layout.base} may not be entered: choose another RECOLLECT_HOME.") from error


def check(base: Path) -> None:
    """Refuse a folder that others can enter or that is someone else's. Raises FileNotFoundError too."""
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise FolderError(f"{base} is not a folder: move it away, or choose another RECOLLECT_HOME.")
    if os.name == "nt":
        return  # the profile's access list protects it; modes mean nothing there
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise FolderError(f"{base} is open to other accounts: run `chmod 700 {base}`, then try again.")
    if not is_root() and found.st_uid != os.geteuid():
        raise FolderError(
            f"{base} belongs to another account (uid {found.st_uid}): run Recollect as that account,"
            " or choose another RECOLLECT_HOME."
        )
    if is_root() and found.st_uid == 0:
        raise FolderError(
            f"{base} belongs to root, as which PostgreSQL cannot run: give it to the account that shall"
            f" run the server, for example `chown -R postgres {base}`."
        )


def _make(base: Path) -> None:
    try:
        _make_home(base.parent)
        # Made under another name first, so that nobody sees it before it has its owner.
        fresh = Path(tempfile.mkdtemp(prefix=".postgres-", dir=base.parent))
    except OSError as error:
        raise FolderError(
            f"cannot make {base} ({error.strerror}): choose another folder with RECOLLECT_HOME."
        ) from error
    try:
        if is_root():
            _give_away(fresh)
        fresh.rename(base)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not base.is_dir():
            raise
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _make_home(home: Path) -> None:
    if home.is_dir():
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        home.mkdir(mode=0o700)
    except FileExistsError:
        return
    if is_root():
        _give_away(home)


def _give_away(folder: Path) -> None:
    account = choose_account()
    # By descriptor: what stands at the path may be exchanged by whoever owns the folder around it.
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(fd).st_uid == 0:
            os.fchown(fd, account.uid, account.gid)
    except OSError as error:
        raise AccountError(
            f"root may not give {folder} to account {account.uid} ({error.strerror}). Run Recollect as an"
            " ordinary user, or set RECOLLECT_DATABASE_URL."
        ) from error
    finally:
        os.close(fd)
