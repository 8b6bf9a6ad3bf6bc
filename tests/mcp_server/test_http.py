"""`recollect serve` without tokens: both transports in one application, for this machine alone."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.sse import sse_client

from recollect.serving.process import MARGIN
from tests.mcp_server.conftest import text_of
from tests.mcp_server.http_process import Answer, HttpProcess, request, tool_call
from tests.mcp_server.processes import INITIALIZE, environment

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

Start = Callable[..., HttpProcess]


@pytest.fixture
def serve(database_url: str, tmp_path: Path) -> Generator[Start]:
    started: list[HttpProcess] = []

    def serve(**settings: str) -> HttpProcess:
        log = tmp_path / f"log-{len(started)}"
        started.append(HttpProcess({"RECOLLECT_DATABASE_URL": database_url} | settings, log))
        return started[-1]

    yield serve
    for server in started:
        server.stop()


async def test_both_transports_serve_the_same_conversations(serve: Start) -> None:
    address = f"http://127.0.0.1:{serve().port}"
    async with Client(f"{address}/mcp") as client:
        await client.call_tool("create_conversation", {"conversation_id": "talk"})
        await client.call_tool(
            "append_message", {"conversation_id": "talk", "role": "user", "content": "over HTTP"}
        )
    async with Client(sse_client(f"{address}/sse")) as client:
        assert "over HTTP" in text_of(await client.call_tool("load_context", {"conversation_id": "talk"}))


def test_foreign_hosts_and_origins_are_refused_on_every_path(serve: Start) -> None:
    server = serve()
    body = request("initialize", INITIALIZE)
    own = (f"127.0.0.1:{server.port}", f"localhost:{server.port}", f"[::1]:{server.port}")
    for host in own:
        assert server.send(body, Host=host).status == 200
        assert server.send(body, Host=host, Origin=f"http://{host}").status == 200
    foreign = ("attacker.example", f"attacker.example:{server.port}", "127.0.0.1", "127.0.0.1:1", "localhost")
    for host in foreign:
        assert server.send(body, Host=host).status == 421, host
        for path in ("/sse", "/mcp", "/messages/", "/"):
            assert server.ask("GET", path, Host=host).status == 421, (host, path)
    for origin in (
        "http://attacker.example",
        "null",
        "http://127.0.0.1:1",
        f"https://localhost:{server.port}",
    ):
        assert server.send(body, Origin=origin).status == 403, origin
        for path in ("/sse", "/mcp", "/messages/", "/"):
            assert server.ask("GET", path, Origin=origin).status == 403, (origin, path)
    assert "Traceback" not in server.log()


def test_a_message_of_almost_10_mb_with_escapes_is_taken_and_more_than_64_mb_are_not(serve: Start) -> None:
    server = serve()
    server.send(tool_call("create_conversation", conversation_id="talk"))
    content = "é" * 4_900_000  # 9.8 MB as UTF-8, 29.4 MB as JSON in ASCII
    answer = server.send(tool_call("append_message", conversation_id="talk", role="user", content=content))
    assert answer.status == 200
    assert answer.json["result"]["structuredContent"]["head"] == 1
    assert server.send(b" " * (65 << 20)).status == 413


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_anything_but_loopback_is_refused_with_a_reason(host: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "recollect", "serve", "--host", host],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment({}),
    )
    assert done.returncode == 2
    assert done.stderr.startswith("recollect: RECOLLECT_HOST: must be of this machine alone")
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "recollect", "serve", "--port", port],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=environment({}),
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"recollect: port {port} on 127.0.0.1 cannot be used")
    assert len(done.stderr.splitlines()) == 1


def test_lone_surrogates_are_refused_in_a_request_and_taken_in_a_string_of_json(serve: Start) -> None:
    server = serve()

    def call(tool: str, **arguments: Any) -> Answer:
        return server.send(tool_call(tool, conversation_id="talk", **arguments))

    call("create_conversation")
    messages = [{"role": "user", "content": "cut \ud83d"}]
    answer = call("append_messages", messages=messages)
    assert (answer.status, answer.json["error"]["code"]) == (400, -32700)
    call("append_messages", messages=json.dumps(messages))
    answer = call("read_message", seq=1, format="json")
    exact = json.loads(answer.json["result"]["content"][0]["text"])
    assert exact["content"] == [{"type": "text", "text": "cut \ud83d"}]


def test_it_says_where_it_listens_and_how_clients_are_configured(serve: Start) -> None:
    server = serve(RECOLLECT_USER_ID="alice")
    address = f"http://127.0.0.1:{server.port}"
    assert f"at {address}/mcp (older clients: {address}/sse) as the user 'alice'" in server.log()
    assert f"claude mcp add --transport http recollect {address}/mcp" in server.log()


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_cleanly_on_a_signal_while_a_stream_is_open(
    number: signal.Signals, code: int, serve: Start
) -> None:
    server = serve()
    stream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    stream.request("GET", "/sse")
    assert stream.getresponse().status == 200
    began = time.monotonic()
    server.process.send_signal(number)
    assert server.process.wait(10) == code
    assert time.monotonic() - began < MARGIN
    stream.close()
    assert "Traceback" not in server.log()
