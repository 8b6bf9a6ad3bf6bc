"""Every way in which a stdio server ends: at once, cleanly, whatever it is doing."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.mcp_server.processes import StdioProcess, environment

LIMIT = 10.0
"""Seconds after which a process counts as one that does not end. On a quiet machine each is gone within the
two that clients wait before they kill; how long a busy one takes says nothing."""

Start = Callable[..., StdioProcess]

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and parents")


@pytest.fixture
def silent_database() -> Generator[str]:
    """The URL of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    accepted.append(listener.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"postgresql://nobody@127.0.0.1:{listener.getsockname()[1]}/none"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()


@pytest.fixture(params=["before the first request", "with an open store", "while a call hangs"])
def server(request: pytest.FixtureRequest, start: Start, silent_database: str) -> StdioProcess:
    """A server in different states of business."""
    if request.param == "while a call hangs":
        server = start(RECOLLECT_DATABASE_URL=silent_database)
        server.initialize()
        server.send(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_conversations","arguments":{}}}'
        )
        assert "result" in server.ask("ping")
        return server
    server = start()
    server.initialize()
    if request.param == "with an open store":
        assert server.call("list_conversations").startswith("No conversations")
    return server


def test_it_ends_when_the_client_closes_its_input(server: StdioProcess) -> None:
    server.input.close()
    assert server.wait(LIMIT) == 0, server.log()


@posix
def test_it_ends_on_sigterm(server: StdioProcess) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert server.wait(LIMIT) == 0, server.log()


@posix
def test_it_ends_on_a_single_sigint(server: StdioProcess) -> None:
    server.process.send_signal(signal.SIGINT)
    assert server.wait(LIMIT) == 130, server.log()


def test_it_ends_when_the_client_stops_reading(start: Start) -> None:
    server = start()
    server.initialize()
    # Far more than a pipe holds, and nobody takes it out: the writer hangs.
    assert server.process.stdout is not None
    server.stop_reading()
    for number in range(60):
        server.send(b'{"jsonrpc":"2.0","id":%d,"method":"tools/list"}' % number)
    server.input.close()
    assert server.wait(LIMIT) == 0


@posix
def test_it_ends_when_its_parent_is_killed_while_another_process_holds_the_pipes(
    tmp_path: Path, database_url: str
) -> None:
    server_reads, we_write = os.pipe()
    we_read, server_writes = os.pipe()
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-m', 'recollect'])\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, str(starter)],
        stdin=server_reads,
        stdout=server_writes,
        stderr=subprocess.DEVNULL,
        env=environment({"RECOLLECT_DATABASE_URL": database_url}),
    )
    os.close(server_reads)
    os.close(server_writes)
    with os.fdopen(we_write, "wb", 0) as to_server, os.fdopen(we_read, "rb", 0) as from_server:
        to_server.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        assert b'"id":1' in from_server.readline()
        parent.kill()
        parent.wait()
        # The pipe ends when the server, the last holder of its other end, is gone.
        assert select.select([from_server], [], [], LIMIT)[0], "the server lives on"
        assert from_server.read() == b""


def test_requests_under_way_are_answered_before_it_ends(start: Start) -> None:
    server = start()
    server.initialize()
    server.call("create_conversation", conversation_id="talk")
    server.send(
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"append_message",'
        b'"arguments":{"conversation_id":"talk","role":"user","content":"the last words"}}}'
    )
    server.input.close()
    assert server.receive()["result"]["structuredContent"]["head"] == 1
    assert server.wait(LIMIT) == 0
