"""The running server, as its supervisor sees it: started by this process, or adopted from a dead one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .address import Address
from .binaries import Binaries, program
from .layout import Layout
from .locks import is_held_exclusively
from .wire import Health, health

_LOG_ROTATE = 1_000_000
_LOG_LIMIT = 10_000_000


class Postmaster:
    """One server. `pid` is its process id; its life is read from the lock that it holds."""

    def __init__(self, layout: Layout, data: Path, binaries: Binaries, address: Address, pid: int) -> None:
        self._layout = layout
        self._data = data
        self._binaries = binaries
        self.address = address
        self.pid = pid
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, command: list[str], environment: dict[str, str], lock: int) -> None:
        """Start it. It inherits `lock`, and so do all its processes: held means that one is alive."""
        rotate_log(self._layout.log, _LOG_ROTATE)
        with self._layout.log.open("ab") as log:
            if sys.platform == "win32":
                # Only pg_ctl can drop an administrator's rights, without which postgres refuses.
                options = subprocess.list2cmdline(command[3:])
                launch = [str(program(self._binaries.folder, "pg_ctl")), "start", "-W", *command[1:3]]
                launch += ["-l", str(self._layout.log.absolute()), "-o", options]
                subprocess.run(launch, check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - our own
                return
            self._child = subprocess.Popen(  # noqa: S603 - our own arguments
                command,
                cwd=self._data,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
            )
            self.pid = self._child.pid

    def alive(self) -> bool:
        """Is it alive? An adopted one is while any of its processes holds its lock."""
        if self._child is not None:
            return self._child.poll() is None
        if sys.platform == "win32":
            return health(self.address, "postgres") is not Health.ABSENT
        return is_held_exclusively(self._layout.server_lock)

    def stop(self, patience: float = 30.0) -> None:
        """Stop it and wait: sessions are ended, everything is written. After `patience` seconds, harder."""
        if sys.platform == "win32":
            command = [
                str(program(self._binaries.folder, "pg_ctl")),
                "stop",
                "-D",
                str(self._data.absolute()),
            ]
            subprocess.run([*command, "-m", "fast", "-w"], check=False)  # noqa: S603 - our own
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._signal(number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if not self.alive():
                    return
                time.sleep(0.01)
            patience = 5.0

    def limit_log(self) -> None:
        """Empty the log when it has grown past its limit; the server appends, so it does not mind."""
        try:
            if self._layout.log.stat().st_size > _LOG_LIMIT:
                os.truncate(self._layout.log, 0)
        except FileNotFoundError:
            pass

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send_signal(number)  # does nothing once it was reaped
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def rotate_log(log: Path, limit: int) -> None:
    """Keep a log longer than `limit` bytes as the one older generation, and begin a new one."""
    try:
        if log.stat().st_size > limit:
            log.replace(log.with_suffix(".log.1"))
    except FileNotFoundError:
        pass
