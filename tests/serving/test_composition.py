"""Both doors in one application."""

from __future__ import annotations

import http.client
import signal
import sys
import time

import pytest
from mcp import Client

from tests.mcp_server.conftest import text_of
from tests.serving.conftest import Start, logged, rest, says

WITHOUT_THE_EXTRA = """
import sys
sys.modules["fastapi"] = None
from recollect.cli.main import main
main()
"""


async def test_both_doors_open_to_the_same_conversations(serve: Start) -> None:
    server = serve(RECOLLECT_USER_ID="auth0|7")
    made = rest(server, "POST", "/auth0%7C7/conversations", {"id": "talk"})
    assert made.status == 201, made
    assert made.headers["location"] == "/api/auth0%7C7/conversations/talk"
    assert rest(server, "POST", "/me/conversations/talk/messages", says("over REST")).status == 201
    assert rest(server, "GET", "/somebody/conversations").status == 404
    async with Client(f"{server.address}/mcp") as client:
        assert "over REST" in text_of(await client.call_tool("load_context", {"conversation_id": "talk"}))
        await client.call_tool(
            "append_message", {"conversation_id": "talk", "role": "assistant", "content": "over MCP"}
        )
    context = rest(server, "GET", "/me/conversations/talk/context?format=openai").json
    assert [message["content"] for message in context["messages"]] == ["over REST", "over MCP"]


PATHS = ("/api/me/conversations", "/api/openapi.json", "/healthz", "/readyz", "/metrics", "/", "/nothing")


def test_foreign_hosts_and_origins_are_refused_on_every_path(serve: Start) -> None:
    server = serve()
    for path in PATHS:
        misdirected = server.ask("GET", path, Host="attacker.example")
        assert misdirected.status == 421, path
        foreign = server.ask("GET", path, Origin="http://attacker.example")
        assert foreign.status == 403, path
        for answer, name in ((misdirected, "misdirected"), (foreign, "foreign-origin")):
            assert b"attacker" not in answer.body
            if path.startswith("/api/"):
                assert answer.headers["content-type"] == "application/problem+json", path
                assert answer.json["type"] == f"urn:recollect:problem:{name}"
        own = server.ask("GET", path, Origin=server.address)
        assert own.status == (404 if path in ("/", "/nothing") else 200), path
    assert server.ask("GET", "/nothing").json["type"] == "urn:recollect:problem:no-such-route"


async def test_without_the_extra_mcp_is_served_and_one_line_says_how_to_get_the_rest(serve: Start) -> None:
    server = serve(("-c", WITHOUT_THE_EXTRA))
    assert "pip install 'recollect[server]'" in server.log()
    async with Client(f"{server.address}/mcp") as client:
        assert not (await client.call_tool("list_conversations", {})).is_error
    assert rest(server, "GET", "/me/conversations").status == 404
    assert server.ask("GET", "/metrics").status == 404
    assert server.ask("GET", "/readyz").status == 200


@pytest.mark.parametrize("given", ["trace-1", "a" * 64])
def test_a_request_keeps_the_id_that_it_came_with(serve: Start, given: str) -> None:
    server = serve(RECOLLECT_LOG_LEVEL="INFO", RECOLLECT_LOG_FORMAT="json")
    assert server.ask("GET", "/healthz", X_Request_Id=given).headers["x-request-id"] == given
    assert logged(server, f'"request_id":"{given}"')
    for bad in ("a" * 65, "two words", 'x"y', ""):
        made = server.ask("GET", "/healthz", X_Request_Id=bad).headers["x-request-id"]
        assert len(made) == 16
        assert logged(server, f'"request_id":"{made}"')


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_stream_of_changes_ends_when_the_server_does(serve: Start) -> None:
    server = serve()
    stream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    stream.request("GET", "/api/me/events")
    answer = stream.getresponse()
    assert answer.readline() == b"retry: 2000\n"
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert answer.read().endswith(b"\n\n")
    assert server.process.wait(10) == 0
    assert time.monotonic() - began < 5
    stream.close()
