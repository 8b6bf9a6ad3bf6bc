"""The database cluster: making it, and the command that serves it.

Used by the supervisor, whose working directory is the server's folder: the account it runs as may
not be able to reach that folder from the root (root's home is closed), so paths are relative.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .binaries import Binaries
from .layout import PORT, Layout

_TUNING = """
# Recollect: small and sturdy. These may be changed; the rest is given on the command line.
shared_buffers = 32MB
max_connections = 100
wal_level = minimal
max_wal_senders = 0
max_replication_slots = 0
max_logical_replication_workers = 0
max_wal_size = 256MB
jit = off
random_page_cost = 1.1
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
# Neither statements nor row contents belong in the log: only the server's own life.
log_min_messages = log
log_min_error_statement = panic
log_checkpoints = off
"""
_TUNING_18 = """io_method = sync  # no extra processes for a database this small
"""
_CTYPES = ("C.UTF-8", "en_US.UTF-8", "C")


class ClusterError(Exception):
    """The cluster cannot be made or started; the text says why."""


class Cluster:
    """The cluster of one major version in the server's folder `base`, which is the working directory."""

    def __init__(self, base: Path, binaries: Binaries, *, tcp: bool) -> None:
        self._base = base
        self._binaries = binaries
        self._tcp = tcp
        self._layout = Layout(Path())
        self.data = self._layout.data(binaries.major)

    def initialise(self, lock: int) -> None:
        """Make the cluster unless it is there. `lock`: a descriptor that initdb keeps for its life.

        It appears all at once, by a rename, so that a half-made one is never taken for whole.
        """
        if self.data.is_dir():
            return
        fresh = self._layout.base / "initdb"
        for ctype in _CTYPES:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            done = subprocess.run(  # noqa: S603 - our own arguments
                self._initdb_command(fresh, ctype),
                cwd=fresh,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                pass_fds=_inherited(lock),
            )
            if done.returncode == 0:
                break
            if "invalid locale name" not in done.stderr or ctype == _CTYPES[-1]:
                raise ClusterError(f"initdb failed: {done.stderr.strip()[-2000:]}")
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(_TUNING + (_TUNING_18 if self._binaries.major >= 18 else ""))
        access = "host all all 127.0.0.1/32 scram-sha-256\n" if self._tcp else "local all all trust\n"
        (fresh / "pg_hba.conf").write_text(access, encoding="utf-8")
        fresh.rename(self.data)

    def serve_command(self, port: int) -> list[str]:
        """The command that serves the cluster; to be run with the data folder as working directory."""
        settings = {
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": str(port if self._tcp else PORT),
            # Relative, so that it is neither too long for a socket nor out of the account's reach.
            "unix_socket_directories": "" if self._tcp else "../run",
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "log_destination": "stderr",
            "fsync": "on",
        }
        command = [str(self._binaries.postgres), "-D", self._folder_argument(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def clear_leftovers(self) -> dict[str, str]:
        """Take away what a killed server left. Returns environment variables that its successor needs.

        Only for whoever holds the server's lock, which proves that no process of ours is alive.
        """
        for leftover in self._layout.run.glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)
        lock_file = self.data / "postmaster.pid"
        try:
            pid = int(lock_file.read_text(encoding="utf-8").splitlines()[0])
        except FileNotFoundError:
            return {}
        except (ValueError, IndexError):
            lock_file.unlink()  # cut short by a crash; PostgreSQL would not start over it
            return {}
        # After a reboot any process may have this id, and PostgreSQL would take it for a server.
        # Told that it is a relative, it does not; it still checks shared memory.
        return {"PG_GRANDPARENT_PID": str(pid)}

    def _initdb_command(self, fresh: Path, ctype: str) -> list[str]:
        command = [str(self._binaries.initdb), "-D", self._folder_argument(fresh)]
        command += ["-U", "recollect", "--encoding=UTF8", "--no-instructions"]
        command += ["--locale=C", f"--lc-ctype={ctype}"]
        if self._binaries.major >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._tcp:
            command += ["--auth=scram-sha-256", f"--pwfile={self._base / self._layout.password}"]
        else:
            command += ["--auth=trust"]
        return command

    def _folder_argument(self, folder: Path) -> str:
        path = self._base / folder
        if os.access(path, os.R_OK | os.X_OK):
            return str(path)
        if os.access("/proc/self/cwd", os.X_OK):
            return "/proc/self/cwd"
        raise ClusterError(
            f"the account that runs PostgreSQL for root cannot reach {self._base}: choose a RECOLLECT_HOME"
            " that other accounts can reach, such as /var/lib/recollect."
        )


def _inherited(lock: int) -> tuple[int, ...]:
    return () if os.name == "nt" else (lock,)
