"""A body that comes too slowly is refused, through whichever door, and holds nothing any more."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from recollect.mcp_server import pace
from tests.api.conftest import listening
from tests.mcp_server.http_process import HEADERS
from tests.serving.conftest import Start, rest

IMPATIENT = """
from recollect.cli.main import main
from recollect.mcp_server import pace
pace.PATIENCE = 0.5
main()
"""

DOORS = {
    "/api/me/conversations/talk/messages": "application/json",
    "/api/me/conversations/talk/restore": "application/json",
    "/api/me/import": "application/zip",
    "/mcp": "application/json",
}


def answer_to_a_trickle(port: int, path: str, kind: str) -> tuple[bytes, bytes]:
    """Head and body of what comes while blanks are sent, one after the other, until the server hangs up."""
    answer = b""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n"
    head += f"Accept: {HEADERS['Accept']}\r\nContent-Length: 100000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client, suppress(ConnectionError):
        client.sendall(head.encode())
        client.settimeout(0.02)
        while True:
            try:
                came = client.recv(65536)
            except TimeoutError:
                client.sendall(b" ")
                continue
            if not came:
                break
            answer += came
    begin, _, body = answer.partition(b"\r\n\r\n")
    return begin.lower(), body


@pytest.mark.parametrize("loop", ["auto", "asyncio"])
def test_a_body_that_comes_too_slowly_is_refused_at_every_door(serve: Start, loop: str) -> None:
    server = serve(("-c", IMPATIENT), RECOLLECT_LOOP=loop)
    rest(server, "POST", "/me/conversations", {"id": "talk"})
    for path, kind in DOORS.items():
        head, body = answer_to_a_trickle(server.port, path, kind)
        assert head.startswith(b"http/1.1 408 "), (path, head)
        assert b"connection: close" in head
        if path.startswith("/api/"):
            assert json.loads(body)["type"] == "urn:recollect:problem:too-slow"
        else:
            assert body == b"The request comes too slowly; send it again.\n"
    again = server.ask("POST", "/api/me/import", b"[]", Content_Type="application/json")
    assert again.status == 200  # the place of the one that was broken off is free
    assert "Traceback" not in server.log()
    assert 'status="408"' in server.ask("GET", "/metrics").body.decode()


async def size(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


async def test_a_body_at_the_pace_may_take_as_long_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 1.0)
    monkeypatch.setattr(pace, "PACE", 10)
    async with listening(pace.Paced(size)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\n")
        for _ in range(30):  # each piece earns what it took, and more
            await asyncio.sleep(0.05)
            writer.write(b"x" * 200)
            await writer.drain()
        async with asyncio.timeout(20):
            assert b"6000 bytes" in await reader.readuntil(b"bytes")
        writer.close()
