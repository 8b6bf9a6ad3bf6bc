"""Several processes share one server, and the last one to go, however it goes, ends it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from recollect.db.embedded import EmbeddedPostgres, status
from tests.db.embedded.client_process import ClientProcess

Query = Callable[[str, str], Any]
Eventually = Callable[[Callable[[], bool]], None]


def test_processes_that_start_cold_together_get_one_server(new_home: Path, query: Query) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(ClientProcess(new_home, grace=5)) for _ in range(5)]
        urls = {client.url() for client in clients}
        assert len(urls) == 1
        assert query(urls.pop(), "SELECT count(*) FROM pg_database WHERE datname = 'recollect'") == 1


@pytest.mark.parametrize("how", [None, signal.SIGTERM, signal.SIGKILL])
def test_the_server_stops_after_the_last_client(
    home: Path, how: signal.Signals | None, eventually: Eventually
) -> None:
    with ClientProcess(home, grace=0.3) as first, ClientProcess(home, grace=0.3) as second:
        assert first.url() == second.url()
        postmaster = status(home).postmaster_pid
        first.end(how)
        assert second.again().startswith("postgresql://")
        assert status(home).postmaster_pid == postmaster
        second.end(how)
    eventually(lambda: not status(home).running)


def test_releasing_lets_the_server_stop_and_ensure_brings_it_back(home: Path, eventually: Eventually) -> None:
    server = EmbeddedPostgres(home, grace_seconds=0.1)
    server.ensure()
    server.release()
    eventually(lambda: not status(home).running)
    server.ensure()
    assert status(home).running


def test_a_client_that_comes_within_the_grace_period_finds_the_same_server(home: Path) -> None:
    with ClientProcess(home, grace=5) as client:
        client.url()
        postmaster = status(home).postmaster_pid
        client.end()
    EmbeddedPostgres(home).ensure()
    assert status(home).postmaster_pid == postmaster


def test_clients_that_come_and_go_around_the_grace_period_always_get_a_working_server(
    home: Path, query: Query
) -> None:
    for pause in (0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.15):
        server = EmbeddedPostgres(home, grace_seconds=0.05)
        assert query(server.ensure(), "SELECT 1") == 1
        server.release()
        time.sleep(pause)  # to come back in every phase of its stopping


def test_somebody_who_is_connected_without_a_lock_keeps_it_running(
    home: Path, eventually: Eventually
) -> None:
    async def connected(url: str) -> None:
        connection = await asyncpg.connect(url)
        server.release()
        await asyncio.sleep(0.6)  # several grace periods: nothing must happen in them
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()

    server = EmbeddedPostgres(home, grace_seconds=0.1)
    asyncio.run(connected(server.ensure()))
    eventually(lambda: not status(home).running)


def test_a_server_whose_folder_was_removed_goes_away(room: Path, eventually: Eventually) -> None:
    home = room / "gone"
    server = EmbeddedPostgres(home, grace_seconds=60)
    server.ensure()
    pid = status(home).postmaster_pid
    for _ in range(3):  # the server may write while its folder goes
        with contextlib.suppress(OSError):
            shutil.rmtree(home)
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    server.ensure()  # a living client gets a new one
    assert status(home).clients
