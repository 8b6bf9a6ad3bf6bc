"""What stands before a request's body and behind it: without an end it is cut off, also of nobody's."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest
from starlette.responses import PlainTextResponse

from recollect.serving import heads
from tests.api.conftest import listening
from tests.serving.conftest import Start, rest

BEGUN = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"

ENDLESS = {
    "a header": (BEGUN + b"X: ", b"a"),
    "headers": (BEGUN, b"X: a\r\n"),
    "an address": (b"GET /", b"a"),
    "trailers": (BEGUN + b"\r\n0\r\n", b"X: a\r\n"),
}

FAR_TOO_MUCH = 32 << 20
"""Bytes; what is sent in vain while the other side hangs up is a tenth of it."""


def taken(port: int, begun: bytes, more: bytes) -> int:
    """How many bytes of it are taken before the server hangs up; at most what is far too much."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as endless, suppress(ConnectionError):
        endless.sendall(begun)
        while sent < FAR_TOO_MUCH:
            endless.sendall(more * 10_000)
            sent += len(more) * 10_000
    return sent


@pytest.mark.parametrize("loop", ["auto", "asyncio"])
def test_what_never_ends_is_cut_off_and_others_are_served(serve: Start, loop: str) -> None:
    server = serve(RECOLLECT_LOOP=loop)
    for what, (begun, more) in ENDLESS.items():
        assert taken(server.port, begun, more) < FAR_TOO_MUCH, what
    assert rest(server, "GET", "/me/conversations", X_Large="a" * 50_000).status == 200


async def test_who_sends_no_whole_head_does_not_keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.1)
    async with listening(PlainTextResponse("hello"), heads.LimitedHeads) as port:
        for begun in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begun)
            async with asyncio.timeout(20):
                assert (await reader.read()).count(b"hello") == begun.count(b"\r\n\r\n")
            writer.close()


async def test_who_was_answered_does_not_go_on_sending_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as who has no token: the answer comes before the body, byte after byte of which is in time."""
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.2)
    async with listening(PlainTextResponse("hello"), heads.LimitedHeads) as port:
        for declared in (b"Content-Length: 1000000", b"Transfer-Encoding: chunked"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n" + declared + b"\r\n\r\n")
            async with asyncio.timeout(20):
                await reader.readuntil(b"hello")
                ended = asyncio.create_task(reader.read())
                with suppress(ConnectionError):
                    while not ended.done():
                        writer.write(b"1\r\na\r\n")
                        await writer.drain()
                        await asyncio.sleep(0.01)
                    assert await ended == b""
            writer.close()
