"""`recollect serve --workers`: several processes, one server."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from tests.mcp_server.http_process import HEADERS, HttpProcess, request, tool_call
from tests.mcp_server.processes import environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

LIMIT = 20.0
"""Longest wait for something to happen, in seconds."""

Start = Callable[..., HttpProcess]


@pytest.fixture
def serve(database_url: str, tmp_path: Path) -> Generator[Start]:
    started: list[HttpProcess] = []

    def serve(*arguments: str, **settings: str) -> HttpProcess:
        log = tmp_path / f"log-{len(started)}"
        started.append(HttpProcess({"RECOLLECT_DATABASE_URL": database_url} | settings, log, *arguments))
        return started[-1]

    yield serve
    for server in started:
        workers = workers_of(server)
        server.stop()
        for pid in workers:
            end(pid)


def workers_of(server: HttpProcess) -> set[int]:
    """The ids of its worker processes."""
    listed = subprocess.run(
        ["ps", "-axwwo", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return {
        int(pid)
        for pid, parent, command in rows
        if int(parent) == server.process.pid and "spawn_main" in command
    }


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def eventually(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_that_dies_is_replaced_while_the_others_serve(serve: Start) -> None:
    server = serve("--workers", "2")
    first = workers_of(server)
    assert len(first) == 2
    victim = first.copy().pop()
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: not alive(victim))
    for _ in range(20):
        assert server.send(request("tools/list")).status == 200
    eventually(lambda: len(workers_of(server)) == 2)
    assert victim not in workers_of(server)
    assert len(workers_of(server) & first) == 1
    assert f"worker {victim} ended with -9" in server.log()


def test_they_share_one_database_and_one_address(serve: Start) -> None:
    server = serve("--workers", "2")

    def talk(number: int) -> int:
        server.send(tool_call("create_conversation", conversation_id=f"c{number}"))
        call = tool_call("append_message", conversation_id=f"c{number}", role="user", content="x", key="k")
        return max(server.send(call).json["result"]["structuredContent"]["head"] for _ in range(3))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(talk, range(24))) == {1}
    listed = server.send(tool_call("list_conversations", limit=50)).json["result"]["content"][0]["text"]
    assert all(f"c{number}" in listed for number in range(24))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_what_is_under_way_is_answered_before_the_end(
    workers: str, number: signal.Signals, code: int, serve: Start, database_url: str
) -> None:
    server = serve("--workers", workers)
    server.send(tool_call("create_conversation", conversation_id="talk"))
    blocker = await asyncpg.connect(database_url)
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("SELECT FROM recollect.conversation FOR UPDATE")
    append = tool_call("append_message", conversation_id="talk", role="user", content="x", key="k")
    answer = asyncio.get_running_loop().run_in_executor(None, server.send, append)
    while not await blocker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        pass
    children = workers_of(server)
    server.process.send_signal(number)
    await asyncio.to_thread(eventually, lambda: refused(server.port))
    assert not answer.done()
    await transaction.rollback()
    assert (await answer).json["result"]["structuredContent"]["head"] == 1
    assert await asyncio.to_thread(server.process.wait, LIMIT) == code
    assert not any(alive(pid) for pid in children)
    await blocker.close()
    assert "Traceback" not in server.log()


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_drain_timeout_ends_what_does_not_end_by_itself(serve: Start, database_url: str) -> None:
    server = serve("--workers", "2", RECOLLECT_DRAIN_TIMEOUT="1")
    stream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    stream.request("GET", "/sse")
    assert stream.getresponse().status == 200
    half = socket.create_connection(("127.0.0.1", server.port))
    half.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(LIMIT) == 0
    assert time.monotonic() - began < 6
    stream.close()
    half.close()


def test_workers_end_when_their_parent_is_killed(serve: Start) -> None:
    server = serve("--workers", "2", RECOLLECT_DRAIN_TIMEOUT="0")
    children = workers_of(server)
    assert len(children) == 2
    server.process.kill()
    server.process.wait()
    eventually(lambda: not any(alive(pid) for pid in children))
    eventually(lambda: refused(server.port))


def ran(tmp_path: Path, work: str) -> tuple[str, int]:
    """What two workers' parent prints: what it had to tell and its exit code. It is told to end once all
    workers accept."""
    program = (
        "import os, signal, socket\n"
        "from pathlib import Path\n"
        "from recollect.serving.workers import Workers\n"
        f"def work(number, bound, ready):\n{work}"
        "def listening():\n"
        "    print('listening')\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "if __name__ == '__main__':\n"
        "    with socket.create_server(('127.0.0.1', 0)) as bound:\n"
        "        print(Workers(2, bound, work, patience=5).run(listening))\n"
    )
    file = tmp_path / "program.py"
    file.write_text(program)
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment({}),
        cwd=tmp_path,
    )
    return done.stdout, done.returncode


def test_a_worker_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    assert ran(tmp_path, "    raise SystemExit(3)\n") == ("1\n", 0)


def test_a_worker_that_is_killed_while_it_starts_is_replaced(tmp_path: Path) -> None:
    work = (
        "    if number == 1 and not Path('killed').exists():\n"
        "        Path('killed').touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    ready.send_bytes(b'!')\n"
        "    signal.pause()\n"
    )
    assert ran(tmp_path, work) == ("listening\n0\n", 0)
    assert (tmp_path / "killed").exists()


def test_a_server_that_is_told_to_end_while_its_workers_start_ends(tmp_path: Path) -> None:
    work = "    os.kill(os.getppid(), signal.SIGTERM)\n    signal.alarm(65)\n    signal.pause()\n"
    assert ran(tmp_path, work) == ("0\n", 0)


@pytest.mark.parametrize("loop", ["auto", "asyncio"])
def test_it_serves_with_and_without_the_faster_loop(loop: str, serve: Start) -> None:
    server = serve(RECOLLECT_LOOP=loop)
    assert "result" in server.send(request("tools/list")).json
    big = json.dumps("é" * 1_000_000)
    server.send(tool_call("create_conversation", conversation_id="talk"))
    call = tool_call("append_message", conversation_id="talk", role="user", content=big)
    assert server.send(call).json["result"]["structuredContent"]["head"] == 1
    assert server.ask("GET", "/mcp", **HEADERS, Host="evil.example").status == 421
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(LIMIT) == 0
    assert "Traceback" not in server.log()
