"""Any of its processes is killed, at any time; the machine is; files of the dead are left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from recollect.db.embedded import EmbeddedError, EmbeddedPostgres, Status, status, stop
from tests.db.embedded.client_process import ClientProcess

Query = Callable[[str, str], Any]
Eventually = Callable[[Callable[[], bool]], None]


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def data_of(found: Status) -> Path:
    assert found.data is not None
    return found.data


def test_a_killed_postmaster_is_brought_back_for_every_client(home: Path, query: Query) -> None:
    with ClientProcess(home, grace=5) as other:
        server = EmbeddedPostgres(home, grace_seconds=5)
        query(server.ensure(), "CREATE TABLE kept AS SELECT 'ok' AS word")
        other.url()
        kill(status(home).postmaster_pid)
        assert query(server.ensure(), "SELECT word FROM kept") == "ok"
        assert query(other.again(), "SELECT word FROM kept") == "ok"


def test_a_killed_postmaster_comes_back_without_being_asked(home: Path, eventually: Eventually) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    server.ensure()
    first = status(home)
    began = Path(f"/proc/{first.postmaster_pid}").stat().st_ctime
    # It has to have lived a little: one that dies at once again and again is left to the next client.
    eventually(lambda: time.time() > began + 2.2)
    kill(first.postmaster_pid)
    eventually(lambda: status(home).postmaster_pid not in (None, first.postmaster_pid))
    assert status(home).supervisor_pid == first.supervisor_pid


def test_after_its_supervisor_was_killed_a_new_one_adopts_the_server(
    home: Path, query: Query, eventually: Eventually
) -> None:
    server = EmbeddedPostgres(home, grace_seconds=0.3)
    server.ensure()
    before = status(home)
    kill(before.supervisor_pid)
    eventually(lambda: status(home).supervisor_pid is None)
    assert status(home).running
    assert query(server.ensure(), "SELECT 1") == 1
    after = status(home)
    assert after.postmaster_pid == before.postmaster_pid
    assert after.supervisor_pid not in (None, before.supervisor_pid)
    server.release()
    eventually(lambda: not status(home).running)


def test_an_orphaned_server_can_be_stopped(home: Path) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    server.ensure()
    kill(status(home).supervisor_pid)
    server.release()
    assert stop(home)
    assert not status(home).running


def test_everything_killed_at_once_comes_back_with_its_data(home: Path, query: Query) -> None:
    with ClientProcess(home, grace=5) as client:
        query(client.url(), "CREATE TABLE kept AS SELECT 'ok' AS word")
        found = status(home)
        kill(found.supervisor_pid)
        kill(found.postmaster_pid)
        client.end(signal.SIGKILL)
    assert query(EmbeddedPostgres(home, grace_seconds=5).ensure(), "SELECT word FROM kept") == "ok"


@pytest.fixture
def stranger(home: Path) -> Generator[int]:
    """The process id of a living program that is no PostgreSQL, of the account that the server runs as."""
    owner = (home / "postgres").stat().st_uid
    with subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None) as process:
        yield process.pid
        process.kill()


def test_after_a_reboot_a_reused_process_id_does_not_matter(home: Path, query: Query, stranger: int) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    server.ensure()
    found = status(home)
    lock_file = data_of(found) / "postmaster.pid"
    socket_lock = found.folder / "run" / ".s.PGSQL.5432.lock"
    left = {lock_file: lock_file.read_text(), socket_lock: socket_lock.read_text()}
    stop(home)
    for path, text in left.items():
        lines = text.splitlines()
        lines[0] = str(stranger)
        path.write_text("\n".join(lines) + "\n")
    (found.folder / "run" / ".s.PGSQL.5432").touch()
    assert query(server.ensure(), "SELECT 1") == 1


def test_a_lock_file_cut_short_does_not_matter(home: Path, query: Query) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    server.ensure()
    stop(home)
    for text in ("", "garbage\n"):
        (data_of(status(home)) / "postmaster.pid").write_text(text)
        assert query(server.ensure(), "SELECT 1") == 1
        stop(home)


def test_stopping_it_under_a_living_client_is_repaired_by_ensure(home: Path, query: Query) -> None:
    with ClientProcess(home, grace=5) as client:
        client.url()
        assert stop(home)
        assert query(client.again(), "SELECT 1") == 1


def test_a_second_postgres_never_starts_while_a_process_of_the_first_lives(
    home: Path, eventually: Eventually
) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    server.ensure()
    found = status(home)
    kill(found.supervisor_pid)
    # As seen from another container, or after the socket was deleted: it lives, but does not answer.
    (found.folder / "run" / ".s.PGSQL.5432").unlink()
    eventually(lambda: not status(home).running)
    with pytest.raises(EmbeddedError, match="did not answer"):
        server.ensure(timeout=1.0)
    assert found.postmaster_pid is not None
    os.kill(found.postmaster_pid, signal.SIGINT)
    server.ensure()
    assert status(home).postmaster_pid != found.postmaster_pid
