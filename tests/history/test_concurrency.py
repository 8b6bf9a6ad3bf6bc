"""Many writers of one conversation, while processes and a database backend are killed.

An independent check reads what the processes wrote down and what the database holds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from recollect.history.history import History
from tests.pgbouncer import MISSING, pgbouncer, programs

PROCESSES = 8
TASKS = 8
APPENDS = 20


@pytest.fixture(params=["direct", "pgbouncer"])
def url_of_appenders(request: pytest.FixtureRequest, database_url: str) -> Generator[str]:
    """Where the writers connect: to the server, or to a pooler in transaction mode."""
    if request.param == "direct":
        yield database_url
        return
    if not programs():
        pytest.skip(MISSING)
    with pgbouncer(programs()[0], database_url, {"default_pool_size": 8}) as url:
        yield url


@pytest.fixture
def appenders(
    url_of_appenders: str, conversation: str, tmp_path: Path
) -> Generator[list[tuple[subprocess.Popen[bytes], Path]]]:
    started: list[tuple[subprocess.Popen[bytes], Path]] = []
    environment = {
        **os.environ,
        "RECOLLECT_DATABASE_URL": url_of_appenders,
        "RECOLLECT_POOL_SIZE": "4",
        "RECOLLECT_CONNECT_TIMEOUT": "60",
    }
    for number in range(PROCESSES):
        told = tmp_path / f"{number}.jsonl"
        with told.open("wb") as out:
            arguments = [f"p{number}", conversation, str(TASKS), str(APPENDS)]
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.history.appender", *arguments],
                stdin=subprocess.PIPE,
                stdout=out,
                env=environment,
            )
        started.append((process, told))
    try:
        wait_until(lambda: all(b"ready" in told.read_bytes() for _, told in started))
        for process, _ in started:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.close()
        yield started
    finally:
        for process, _ in started:
            process.kill()
            process.wait()


@pytest.fixture
async def conversation(history: History) -> str:
    return (await history.create()).id


def records(told: Path) -> list[list[Any]]:
    lines = told.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]


def acknowledged(told: list[Path]) -> int:
    return sum(path.read_bytes().count(b'["ack"') for path in told)


async def backends_of_appenders(connection: asyncpg.Connection[asyncpg.Record]) -> list[int]:
    rows = await connection.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND query LIKE '%append_v2%'"
    )
    return [row["pid"] for row in rows]


async def test_64_writers_survive_killed_processes_and_backends(
    appenders: list[tuple[subprocess.Popen[bytes], Path]],
    database_url: str,
    history: History,
    conversation: str,
) -> None:
    told = [path for _, path in appenders]
    wait_until(lambda: min(acknowledged([path]) for path in told[:2]) > 8)
    for process, _ in appenders[:2]:
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: acknowledged(told[2:]) > 100)
    connection = await asyncpg.connect(database_url)
    try:
        victims = await backends_of_appenders(connection)
        assert victims
        await connection.execute("SELECT pg_terminate_backend($1)", victims[0])
        await connection.execute("SELECT pg_terminate_backend($1)", victims[-1])
    finally:
        await connection.close()
    for process, _ in appenders[2:]:
        assert process.wait(timeout=120) == 0

    await check(history, conversation, [records(path) for path in told])


def wait_until(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.01)


async def check(history: History, conversation: str, told: list[list[list[Any]]]) -> None:
    """What the writers know agrees with the log, and the log with itself."""
    log: list[tuple[int, str]] = []
    while True:
        page = await history.list_messages(conversation, after=len(log), limit=500)
        log += [(message.seq, message.text) for message in page.messages]
        if not page.more_after:
            break
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1)), "the log has no gap"
    assert (await history.get(conversation)).message_count == len(log)
    assert max(Counter(text for _, text in log).values()) == 1, "nothing is there twice"
    place = {text: seq for seq, text in log}

    tried = {record[1] for told_by in told for record in told_by if record[0] == "try"}
    acks = [record for told_by in told for record in told_by if record[0] == "ack"]
    assert len(acks) > (PROCESSES - 2) * TASKS * APPENDS
    for _, key, first_seq, last_seq, _ in acks:
        parts = [f"{key}/{part}" for part in range(last_seq - first_seq + 1)]
        assert [place[part] for part in parts] == list(range(first_seq, last_seq + 1)), (
            "an append lies side by side"
        )
    assert {text.rpartition("/")[0] for _, text in log} <= tried

    for told_by in told:
        for record in told_by:
            if record[0] == "read":
                seen, run = record[1], [(seq, text) for seq, text in record[2]]
                assert run == log[seen : seen + len(run)], "what was read is the log's, without holes"
