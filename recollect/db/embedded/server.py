"""The client's side: hold the server alive, start it when it is not there, and say how to reach it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from .account import AccountError
from .address import Address, known_address, url_of
from .alias import socket_folder
from .binaries import NoBinaries, find_binaries
from .error import EmbeddedError
from .folder import FolderError, prepare
from .layout import PORT, Layout
from .locks import FileLock, is_held_exclusively
from .password import make_password
from .wire import Health, health

_KEPT = (
    "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "SYSTEMDRIVE",
    "USERPROFILE", "LOCALAPPDATA", "APPDATA", "PROGRAMFILES", "COMSPEC",
)  # fmt: skip


class EmbeddedPostgres:
    """Recollect's own PostgreSQL in the folder `home`, shared by all processes that name this folder.

    Nothing happens before `ensure`. All methods block (use a thread in asynchronous code) and may
    be called from any thread. The server runs as long as one client lives, and `grace_seconds`
    more; the first client's figure counts. A forked child shares its parent's hold on the server.
    `tcp`: a port of 127.0.0.1 and a password instead of a socket, as Windows has to.
    """

    def __init__(
        self, home: Path, grace_seconds: float = 30.0, *, tcp: bool = sys.platform == "win32"
    ) -> None:
        self._layout = Layout.of_home(home)
        self._grace = grace_seconds
        self._tcp = tcp
        self._clients = FileLock(self._layout.clients_lock)
        self._mutex = threading.Lock()

    def ensure(self, timeout: float = 60.0) -> str:
        """Start the server or attach to it; returns its URL, for asyncpg and libpq alike.

        Idempotent, and a few milliseconds when the server is there. Call it again when a
        connection fails: whatever was killed meanwhile is brought back. Raises EmbeddedError when
        the server does not answer within `timeout` seconds, or cannot run here.
        """
        deadline = time.monotonic() + timeout
        with self._mutex:
            try:
                prepare(self._layout)
                self._hold(deadline)
                return self._start_or_attach(deadline)
            except (FolderError, AccountError, NoBinaries) as error:
                raise EmbeddedError(f"The embedded PostgreSQL cannot run: {error}") from error
            except OSError as error:
                raise EmbeddedError(
                    f"The embedded PostgreSQL cannot use {self._layout.base}: {error}. Choose another folder"
                    " with RECOLLECT_HOME, or set RECOLLECT_DATABASE_URL."
                ) from error

    def release(self) -> None:
        """Let go of the server; it stops after the grace period unless another client holds it."""
        with self._mutex:
            self._clients.release()

    def _hold(self, deadline: float) -> None:
        # Before anything else: a supervisor that is about to stop the server looks at this lock.
        if not self._clients.held and not self._clients.wait_shared(deadline):
            raise EmbeddedError(f"The lock {self._layout.clients_lock} could not be had: try again.")

    def _start_or_attach(self, deadline: float) -> str:
        boot = FileLock(self._layout.boot_lock)
        if not boot.wait_exclusive(deadline):
            raise EmbeddedError(
                "Another process has been starting or stopping the embedded PostgreSQL for too long: try"
                f" again, or read {self._layout.log}."
            )
        try:
            return self._wait_until_ready(deadline)
        finally:
            boot.release()

    def _wait_until_ready(self, deadline: float) -> str:
        starts = 0
        pause = 0.002
        while True:
            supervised = is_held_exclusively(self._layout.supervisor_lock)
            address = self._address()
            written = self._layout.record.exists()
            if supervised and written and address and health(address, "recollect") is Health.READY:
                return url_of(address)
            if not supervised:
                self._raise_failure(starts)
                starts += 1
                self._start_supervisor()
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    "The embedded PostgreSQL did not answer in time; it may still be starting. Try again, or"
                    f" read {self._layout.log}."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def _raise_failure(self, starts: int) -> None:
        if starts == 0:
            self._layout.failure.unlink(missing_ok=True)
            return
        try:
            reason = self._layout.failure.read_text(encoding="utf-8")
        except FileNotFoundError:
            if starts < 3:
                return  # killed, or told to stop: not a reason to give up yet
            reason = f"its supervisor ended without a reason; read {self._layout.supervisor_log}."
        if not reason:
            reason = (
                f"why could not be written down in {self._layout.base}, as on a disk that is full. Make room"
                " there, then try again."
            )
        raise EmbeddedError(f"The embedded PostgreSQL did not start: {reason}")

    def _address(self) -> Address | None:
        if self._tcp:
            return known_address(self._layout)
        return Address(socket=socket_folder(self._layout) / f".s.PGSQL.{PORT}")

    def _start_supervisor(self) -> None:
        binaries = find_binaries(self._layout.majors())
        if self._tcp:
            make_password(self._layout.password)
        script = Path(__file__).with_name("detached.py")
        arguments = [str(self._layout.base), str(binaries.folder), binaries.version]
        arguments += [str(int(binaries.bundled)), str(self._grace), "tcp" if self._tcp else "socket"]
        command = [sys.executable, "-I", "-S", str(script), *arguments]
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"LC_ALL": "C", "TZ": "UTC"}
        if sys.platform == "win32":
            flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
            subprocess.Popen(  # noqa: S603 - our own arguments
                command, cwd=self._layout.base, env=environment, creationflags=flags, close_fds=True
            )
            _wait_for(self._layout.supervisor_lock)
            return
        done = subprocess.run(  # noqa: S603 - our own arguments
            command,
            cwd=self._layout.base,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedError(f"The supervisor of the embedded PostgreSQL failed: {done.stderr[-1000:]}")


def _wait_for(lock: Path) -> None:
    deadline = time.monotonic() + 5.0
    while not is_held_exclusively(lock) and time.monotonic() < deadline:
        time.sleep(0.01)
