"""Answers that are sent while they are made: whoever does not read is hung up on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Receive, Scope, Send

from recollect.api.streamed import Streamed
from tests.api.conftest import listening


async def test_a_reader_that_takes_nothing_does_not_hold_what_makes_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            ended.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Streamed(endless(), media_type="text/plain", stall_seconds=0.2)(scope, receive, send)

    async with listening(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(20):
            await ended.wait()
        writer.close()
        del reader
    assert "took nothing" in caplog.text


async def test_a_reader_that_leaves_ends_what_makes_the_answer_and_what_it_awaits() -> None:
    waits, ended = asyncio.Event(), asyncio.Event()

    async def silent() -> AsyncGenerator[bytes]:
        try:
            yield b"x"
            waits.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # an end may await
            ended.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Streamed(silent(), media_type="text/plain")(scope, receive, send)

    async with listening(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(20):
            await waits.wait()
            writer.close()
            await ended.wait()
