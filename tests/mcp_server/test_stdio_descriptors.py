"""What standard input and output may be besides the pipes of the other tests."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

from tests.mcp_server.processes import ANSWER_LIMIT, INITIALIZE, environment

ASKED = (
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE})
    + '\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
    + '{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}\n'
).encode()

COMMAND = [sys.executable, "-m", "recollect"]


def check_answers(output: bytes) -> None:
    answers = [json.loads(line) for line in output.splitlines()]
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["tools"]


def test_files_are_served(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(ASKED)
    with (tmp_path / "in").open("rb") as given, (tmp_path / "out").open("wb") as taken:
        done = subprocess.run(COMMAND, stdin=given, stdout=taken, env=environment({}), timeout=ANSWER_LIMIT)
    assert done.returncode == 0
    check_answers((tmp_path / "out").read_bytes())


def test_one_socket_for_both_is_served() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        process = subprocess.Popen(
            COMMAND, stdin=theirs.fileno(), stdout=theirs.fileno(), env=environment({})
        )
        theirs.close()
        ours.sendall(ASKED)
        ours.shutdown(socket.SHUT_WR)
        ours.settimeout(ANSWER_LIMIT)
        output = b"".join(iter(lambda: ours.recv(65536), b""))
    assert process.wait(ANSWER_LIMIT) == 0
    check_answers(output)


def test_a_terminal_is_served() -> None:
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        COMMAND, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment({})
    )
    os.close(theirs)
    assert process.stdout is not None
    with process.stdout as output:
        os.write(terminal, ASKED)
        lines = b"".join(output.readline() for _ in range(2))
    os.close(terminal)  # hangs up
    assert process.wait(ANSWER_LIMIT) == 0
    check_answers(lines)
