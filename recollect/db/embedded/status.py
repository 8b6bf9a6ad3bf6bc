"""Looking at the server and stopping it, without starting anything."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .address import known_address, url_of
from .error import EmbeddedError
from .folder import FolderError, check
from .layout import Layout
from .locks import FileLock, is_held, is_held_exclusively
from .private_file import write_private
from .record import read_record
from .server import EmbeddedPostgres
from .wire import Health, health, peer_pid


@dataclass(frozen=True, slots=True)
class Status:
    """The server of one home. What is not known, or not there, is None.

    `clients`: does any process hold the server (one that asks for the status does not count)?
    `data`: the folder of the newest cluster. Process ids are as seen from here.
    """

    running: bool
    clients: bool
    folder: Path
    data: Path | None = None
    version: str | None = None
    binaries: Path | None = None
    socket_folder: Path | None = None
    url: str | None = None
    supervisor_pid: int | None = None
    postmaster_pid: int | None = None
    log: Path | None = None


@contextmanager
def _explained() -> Generator[None]:
    """What the folder's file system refuses, such as one that has become read-only, said in a line."""
    try:
        yield
    except (FolderError, OSError) as error:
        raise EmbeddedError(f"The embedded PostgreSQL cannot be looked at: {error}") from error


@_explained()
def status(home: Path) -> Status:
    """What there is and what runs. Raises EmbeddedError when the folder is not ours to look into."""
    layout = _existing(home)
    if layout is None:
        return Status(running=False, clients=False, folder=Layout.of_home(home).base)
    majors = layout.majors()
    data = layout.data(majors[0]) if majors else None
    clients = is_held(layout.clients_lock)
    log = layout.log if layout.log.exists() else None
    address = known_address(layout)
    if address is None or health(address, "recollect") is Health.ABSENT:
        return Status(running=False, clients=clients, folder=layout.base, data=data, log=log)
    record = read_record(layout.record)
    supervised = is_held_exclusively(layout.supervisor_lock)
    recorded = record.postmaster if record else None
    return Status(
        running=True,
        clients=clients,
        folder=layout.base,
        data=data,
        version=record.version if record else None,
        binaries=Path(record.binaries) if record else None,
        socket_folder=address.socket.parent if address.socket else None,
        url=url_of(address),
        supervisor_pid=record.supervisor if record and supervised else None,
        postmaster_pid=peer_pid(address) or recorded,
        log=log,
    )


@_explained()
def stop(home: Path, timeout: float = 30.0) -> bool:
    """Stop the server now, clients or not, and wait for it. Did one run?

    A client that calls `ensure` afterwards starts it again. Raises EmbeddedError when it has not
    stopped within `timeout` seconds.
    """
    layout = _existing(home)
    deadline = time.monotonic() + timeout
    stopped = False
    while layout is not None and (is_held_exclusively(layout.supervisor_lock) or status(home).running):
        if not is_held_exclusively(layout.supervisor_lock):
            # Its supervisor was killed. A new one adopts it, and knows how to stop it.
            orphaned = EmbeddedPostgres(home)
            orphaned.ensure(timeout)
            orphaned.release()
        _request_stop(layout, deadline)
        stopped = True
    return stopped


def _request_stop(layout: Layout, deadline: float) -> None:
    """Have the supervisor stop the server, and wait until the supervisor has ended."""
    boot = FileLock(layout.boot_lock)  # nobody starts it again meanwhile
    try:
        if not boot.wait_exclusive(deadline):
            raise EmbeddedError(f"The embedded PostgreSQL is being started or stopped; see {layout.log}.")
        write_private(layout.stop_request, "")
        while is_held_exclusively(layout.supervisor_lock):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"The embedded PostgreSQL has not stopped yet; see {layout.log}.")
            time.sleep(0.01)
    finally:
        layout.stop_request.unlink(missing_ok=True)
        boot.release()


def _existing(home: Path) -> Layout | None:
    layout = Layout.of_home(home)
    try:
        check(layout.base)
    except FileNotFoundError:
        return None
    return layout
