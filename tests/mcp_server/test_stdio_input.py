"""Whatever a line holds, it is answered, and the next call works. Standard output is protocol only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_server.processes import StdioProcess, environment

Start = Callable[..., StdioProcess]

PARSE_ERROR, INVALID_REQUEST = -32700, -32600

CALL = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_messages","arguments":%s}}'

MALFORMED: dict[str, tuple[bytes, list[tuple[Any, int]]]] = {
    "no JSON": (b"hello", [(None, PARSE_ERROR)]),
    "a cut line": (b'{"jsonrpc":"2.0","id":7,"method":"ping"', [(7, PARSE_ERROR)]),
    "a cut line with a string as id": (b'{"method":"ping","id":"a-7","params":{', [("a-7", PARSE_ERROR)]),
    "the id at the end": (
        b'{"method":"ping","params":{"id":1,"x":},"jsonrpc":"2.0","id":7}',
        [(7, PARSE_ERROR)],
    ),
    "an id of something else": (b'{"method":"ping","params":{"x":{"id":7},', [(None, PARSE_ERROR)]),
    "invalid UTF-8": (CALL % b'{"conversation_id":"\xff\xfe"}', [(7, PARSE_ERROR)]),
    "invalid UTF-8 in the id": (b'{"jsonrpc":"2.0","id":"a\xff","method":"ping"}', [(None, PARSE_ERROR)]),
    "an id that is no number of JSON": (b'{"jsonrpc":"2.0","id":007,"method":"ping"}', [(None, PARSE_ERROR)]),
    "deep nesting": (CALL % (b"[" * 100_000 + b"]" * 100_000), [(7, PARSE_ERROR)]),
    "a number of 5,000 digits": (CALL % (b'{"limit":' + b"9" * 5000 + b"}"), [(7, PARSE_ERROR)]),
    "a bare number": (b"42", [(None, INVALID_REQUEST)]),
    "no method": (b'{"jsonrpc":"2.0","id":7}', [(7, INVALID_REQUEST)]),
    "no version": (b'{"id":7,"method":"ping"}', [(7, INVALID_REQUEST)]),
    "a list of parameters": (
        b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}',
        [(7, INVALID_REQUEST)],
    ),
    "null as id": (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', [(None, INVALID_REQUEST)]),
    "a fraction as id": (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', [(None, INVALID_REQUEST)]),
    "a batch": (
        b'[{"jsonrpc":"2.0","id":7,"method":"ping"},{"jsonrpc":"2.0","id":8,"method":"ping"}]',
        [(7, INVALID_REQUEST), (8, INVALID_REQUEST)],
    ),
    "an empty batch": (b"[]", [(None, INVALID_REQUEST)]),
    "a line that is too long": (CALL % (b'{"title":"' + b"x" * (64 << 20) + b'"}'), [(7, INVALID_REQUEST)]),
}


@pytest.fixture
def server(start: Start) -> StdioProcess:
    server = start()
    server.initialize()
    return server


def test_malformed_lines_are_answered_and_the_next_call_works(server: StdioProcess) -> None:
    for name, (line, expected) in MALFORMED.items():
        server.send(line)
        answers = [server.receive() for _ in expected]
        assert [(answer["id"], answer["error"]["code"]) for answer in answers] == expected, name
        assert "x" * 50 not in json.dumps(answers), name
        assert server.ask("ping")["result"] == {}, name


def test_unusual_lines_that_are_fine_are_served(server: StdioProcess) -> None:
    for line in (
        b'{"jsonrpc":"2.0","id":7,"method":"ping"}\r',
        b'  {"method":"ping", "id":7, "jsonrpc":"2.0", "extra": 1}  ',
        b'\n\n   \n{"jsonrpc":"2.0","id":7,"method":"ping"}',
    ):
        server.send(line)
        assert server.receive() == {"jsonrpc": "2.0", "id": 7, "result": {}}


def test_a_line_of_20_mb_is_served(server: StdioProcess) -> None:
    server.send(CALL % (b'{"conversation_id":"' + b"x" * 20_000_000 + b'"}'))
    answer = server.receive()
    assert answer["result"]["isError"] is True
    assert len(answer["result"]["content"][0]["text"]) < 300


def test_a_message_of_almost_10_mb_is_stored_and_read_again(server: StdioProcess) -> None:
    words = "0123456789" * 990_000
    server.call("create_conversation", conversation_id="talk")
    assert '"head":1' in server.call("append_message", conversation_id="talk", role="user", content=words)
    read = server.call("read_message", conversation_id="talk", seq=1, offset=9_899_000, limit=1_000)
    assert words[-1_000:] in read
    assert "Characters 9899000 to 9900000 of 9900000." in read


def test_lone_surrogates_in_a_request_are_stored_exactly(server: StdioProcess) -> None:
    server.call("create_conversation", conversation_id="talk")
    # As JavaScript's JSON.stringify writes a string that was cut in the middle of an emoji.
    server.send(
        b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"append_message","arguments":'
        b'{"conversation_id":"talk","role":"user","content":"cut \\ud83d","author":"A"}}}'
    )
    assert server.receive()["result"]["structuredContent"]["head"] == 1
    exact = server.call("read_message", conversation_id="talk", seq=1, format="json")
    assert json.loads(exact)["content"] == [{"type": "text", "text": "cut \ud83d"}]
    assert "cut \ufffd" in server.call("read_message", conversation_id="talk", seq=1)


@pytest.fixture
def noisy(tmp_path: Path) -> Generator[StdioProcess]:
    """A server with a tool that prints, as does a program that it starts."""
    program = (
        "import os\n"
        "from recollect.mcp_server import stdio\n"
        "make = stdio.create_server\n"
        "def create_server(*args, **options):\n"
        "    server = make(*args, **options)\n"
        "    @server.tool()\n"
        "    def noise() -> str:\n"
        "        print('printed', flush=True); os.system('echo shouted'); os.write(1, b'written')\n"
        "        return 'done'\n"
        "    return server\n"
        "stdio.create_server = create_server\n"
        "stdio.main()\n"
    )
    server = StdioProcess({}, tmp_path / "log", [sys.executable, "-c", program])
    yield server
    server.discard()


def test_what_prints_does_not_reach_standard_output(noisy: StdioProcess) -> None:
    noisy.initialize()
    assert noisy.call("noise") == "done"
    assert noisy.ask("ping")["result"] == {}
    assert all(word in noisy.log() for word in ("printed", "shouted", "written"))


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
def test_a_person_who_starts_it_by_hand_is_told_what_it_is_and_may_close_the_terminal() -> None:
    ours, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "recollect"],
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment({}),
    )
    os.close(terminal)
    assert process.stderr is not None
    with process.stderr as errors:
        assert b"waits for a client's messages" in errors.readline()
        os.close(ours)  # the terminal window is closed
        assert process.wait(10) == 0


def test_log_lines_are_single_lines_on_standard_error(server: StdioProcess) -> None:
    server.send(b'{"jsonrpc":"2.0","method":"notifications/progress","params":"not an object"}')
    assert server.receive()["error"]["code"] == INVALID_REQUEST
    assert "Traceback" not in server.log()
