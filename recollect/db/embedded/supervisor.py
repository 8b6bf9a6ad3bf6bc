"""The process that owns the server: starts it, stands by, and stops it when the last client has gone.

It belongs to no client: it has its own session and none of their files, so any client may be
killed. It may be killed itself: the next client starts another, which adopts the running server.
It imports the standard library and its siblings only. All imports stand at the top: after root has
become another account, Python's own files may be out of reach.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

from .address import Address
from .alias import forget_alias, keep_alias
from .binaries import Binaries
from .cluster import Cluster, ClusterError
from .layout import PORT, Layout
from .locks import FileLock, is_held
from .postmaster import Postmaster
from .record import Record, read_record, write_record
from .wire import Connection, Health, ServerRefused, health, peer_pid

_LONG = 2.0
"""Seconds a server has to live to be worth starting again when it dies."""


class Supervisor:
    """Runs one server in the folder `base`, which is the working directory."""

    def __init__(self, base: Path, binaries: Binaries, grace: float, *, tcp: bool) -> None:
        self._base = base
        self._binaries = binaries
        self._grace = grace
        self._tcp = tcp
        self._layout = Layout(Path())
        self._cluster = Cluster(base, binaries, tcp=tcp)
        self._boot = FileLock(self._layout.boot_lock)
        self._wake, wake_up = socket.socketpair()
        for end in (self._wake, wake_up):
            end.setblocking(False)
        self._wake_up = wake_up  # written by the interpreter when a signal arrives
        self._told_to_stop = False

    def run(self) -> None:
        """Until the last client has been gone for the grace period, or somebody asks to stop."""
        self._layout.stop_request.unlink(missing_ok=True)
        self._listen_to_signals()
        while True:
            postmaster = self._bring_up()
            began = time.monotonic()
            if self._watch(postmaster):
                forget_alias(self._layout)
                postmaster.stop()
                break
            if time.monotonic() - began < _LONG or not is_held(self._layout.clients_lock):
                break  # the next client may try again
        self._layout.record.unlink(missing_ok=True)
        self._layout.stop_request.unlink(missing_ok=True)

    def _bring_up(self) -> Postmaster:
        """The server, answering: started here, or adopted where one is alive."""
        self._layout.run.mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(self._layout.server_lock)
        postmaster = self._adopt(lock)
        try:
            if postmaster is None:
                self._cluster.initialise(lock.fileno())
                postmaster = self._postmaster(_free_port() if self._tcp else PORT)
                environment = self._cluster.clear_leftovers()
                command = self._cluster.serve_command(postmaster.address.port)
                logged = _size(self._layout.log)
                postmaster.start(command, environment, lock.fileno())
            else:
                logged = _size(self._layout.log)
        finally:
            lock.release()  # the server's own processes hold it from here on
        self._until_ready(postmaster, logged)
        self._write_record(postmaster)
        return postmaster

    def _adopt(self, lock: FileLock) -> Postmaster | None:
        """The server that is alive already. None once `lock` is taken, which proves there is none."""
        if self._tcp:
            return self._adopt_tcp(lock)
        deadline = time.monotonic() + 30.0
        while not lock.try_exclusive():
            postmaster = self._postmaster(PORT)
            found = peer_pid(postmaster.address)
            if found is not None:
                if found <= 0:
                    raise ClusterError(
                        "this folder's server runs in another container, which this one cannot see into. Stop"
                        " it there, or give each container its own RECOLLECT_HOME."
                    )
                postmaster.pid = found
                return postmaster
            if time.monotonic() > deadline:
                raise ClusterError(
                    "another PostgreSQL holds this folder but does not answer: it may run in another"
                    " container or on another computer. Stop it there, or choose another RECOLLECT_HOME."
                )
            time.sleep(0.02)
        return None

    def _adopt_tcp(self, lock: FileLock) -> Postmaster | None:
        # Where processes inherit no lock, the port that the last supervisor wrote down has to do.
        record = read_record(self._layout.record)
        if record is not None:
            postmaster = self._postmaster(record.port)
            postmaster.pid = record.postmaster
            if health(postmaster.address, "postgres") is not Health.ABSENT:
                return postmaster
        if not lock.wait_exclusive(time.monotonic() + 30.0):
            raise ClusterError("another PostgreSQL holds this folder but does not answer; stop it.")
        return None

    def _until_ready(self, postmaster: Postmaster, logged: int) -> None:
        pause = 0.002
        while True:
            state = health(postmaster.address, "recollect")
            if state is Health.READY:
                return
            if state is Health.NO_DATABASE:
                made = self._create_database(postmaster.address)
                if not made and health(postmaster.address, "recollect") is Health.NO_DATABASE:
                    why = _complaints(self._layout.log, logged)
                    postmaster.stop()
                    raise ClusterError(
                        f"its database is damaged: {why} Restore a backup with another RECOLLECT_HOME."
                    )
            elif sys.platform != "win32" and not postmaster.alive():
                raise ClusterError(f"PostgreSQL did not start: {_complaints(self._layout.log, logged)}")
            if self._asked_to_stop():
                postmaster.stop()
                raise ClusterError("it was told to stop while it started.")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)

    def _create_database(self, address: Address) -> bool:
        """Whether it was not there already."""
        connection = Connection(address, "postgres")
        try:
            connection.ask("CREATE DATABASE recollect")
        except ServerRefused as error:
            if error.sqlstate not in {"42P04", "23505"}:  # it exists already
                raise
            return False
        finally:
            connection.close()
        return True

    def _watch(self, postmaster: Postmaster) -> bool:
        """True when the server shall be stopped, False when it has died."""
        interval = min(0.25, max(self._grace / 4, 0.02))
        alone_since: float | None = None
        next_chore = 0.0
        while True:
            if not postmaster.alive():
                return False
            if self._asked_to_stop() or _folder_is_gone():
                return True
            now = time.monotonic()
            if is_held(self._layout.clients_lock):
                alone_since = None
            elif alone_since is None:
                alone_since = now
            elif now - alone_since >= self._grace and self._nobody_comes(postmaster.address):
                return True
            if now >= next_chore:
                postmaster.limit_log()
                keep_alias(self._layout)
                next_chore = now + 600.0
            self._sleep(interval)

    def _nobody_comes(self, address: Address) -> bool:
        if _sessions(address) > 0:
            return False  # somebody's psql: it holds no lock
        # With this lock held no client can be let in; it is kept until this process has ended.
        if not self._boot.try_exclusive():
            return False
        if is_held(self._layout.clients_lock):
            self._boot.release()
            return False
        return True

    def _asked_to_stop(self) -> bool:
        return self._told_to_stop or self._layout.stop_request.exists()

    def _listen_to_signals(self) -> None:
        def told(number: int, frame: object) -> None:
            self._told_to_stop = self._told_to_stop or number == signal.SIGTERM

        signal.set_wakeup_fd(self._wake_up.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, told)
        if sys.platform != "win32":
            signal.signal(signal.SIGCHLD, told)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _sleep(self, seconds: float) -> None:
        select.select([self._wake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    def _postmaster(self, port: int) -> Postmaster:
        if self._tcp:
            password = self._layout.password.read_text(encoding="utf-8")
            address = Address(port=port, password=password)
        else:
            address = Address(socket=self._layout.run / f".s.PGSQL.{PORT}")
        return Postmaster(self._layout, self._cluster.data, self._binaries, address, pid=0)

    def _write_record(self, postmaster: Postmaster) -> None:
        write_record(
            self._layout.record,
            Record(
                postmaster=postmaster.pid,
                supervisor=os.getpid(),
                version=self._binaries.version,
                binaries=str(self._binaries.folder),
                data=str(self._base / self._cluster.data),
                port=postmaster.address.port,
            ),
        )


def _sessions(address: Address) -> int:
    """How many others are connected; none when the server cannot say."""
    try:
        connection = Connection(address, "recollect")
        try:
            query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            return int(connection.ask(query)) - 1
        finally:
            connection.close()
    except (OSError, ValueError, ServerRefused):
        return 0


def _folder_is_gone() -> bool:
    try:
        return Path().stat().st_nlink == 0
    except FileNotFoundError:
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def _complaints(log: Path, start: int) -> str:
    """What the server wrote since `start` that tells why it gave up."""
    try:
        text = log.read_bytes()[start if start <= _size(log) else 0 :].decode(errors="replace")
    except FileNotFoundError:
        return "it wrote nothing."
    return " ".join(text.splitlines()[-6:])[-1500:] or "it wrote nothing."
