"""How a process becomes the supervisor: detached from its client, unprivileged, and alone."""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

from .account import Account, AccountError, become, is_root
from .binaries import Binaries
from .binaries_copy import runnable
from .cluster import ClusterError
from .layout import Layout
from .locks import FileLock
from .postmaster import rotate_log
from .private_file import write_private
from .supervisor import Supervisor


def main(arguments: list[str]) -> None:
    """Become the supervisor. Arguments: base folder, binaries' folder, version, bundled (0 or 1),
    grace in seconds, transport (`socket` or `tcp`). Returns at once when there is one already.
    """
    base, folder, version, bundled, grace, transport = arguments
    os.chdir(base)
    os.umask(0o077)
    layout = Layout(Path())
    lock = FileLock(layout.supervisor_lock)
    # Somebody who only asks whether it is held has it for an instant: worth another try.
    if not lock.wait_exclusive(time.monotonic() + 0.5):
        return
    if transport == "socket":
        # What the last one wrote: a client waits for the new one. (A port has to be known, though.)
        layout.record.unlink(missing_ok=True)
    if sys.platform != "win32":
        if os.fork() != 0:
            os._exit(0)  # the client waits for this; the child holds the lock
        os.setsid()
    try:
        binaries = Binaries(Path(folder), version, bundled=bundled == "1")
        if is_root():
            owner = Path().stat()
            account = Account(owner.st_uid, owner.st_gid)
            binaries = runnable(binaries, account, Path(base))
            become(account)
        _write_errors_to(layout.supervisor_log)
        Supervisor(Path(base), binaries, float(grace), tcp=transport == "tcp").run()
    except (AccountError, ClusterError) as error:
        write_private(layout.failure, str(error))
    except Exception as error:
        # The one boundary of this process: whatever it is, the waiting client must hear of it.
        write_private(layout.failure, f"{type(error).__name__}: {error}")
        traceback.print_exc()


def _write_errors_to(log: Path) -> None:
    rotate_log(log, 100_000)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 2)
    os.close(fd)
