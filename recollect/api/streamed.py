"""Answers that are sent while they are made, in pieces, however large they become."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

logger = logging.getLogger(__name__)

PIECE_BYTES = 1 << 18

STALL_SECONDS = 60.0
"""A reader who takes no piece for so long is hung up on: what makes the pieces may hold a connection to
the database."""


class Streamed(StreamingResponse):
    """An answer made of pieces, which are closed when it ends, in whichever way.

    A client tells an answer that broke off by its end: HTTP's last chunk is missing.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        *,
        media_type: str,
        headers: Mapping[str, str] | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        always = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        super().__init__(pieces, headers={**always, **(headers or {})}, media_type=media_type)
        self._pieces = pieces
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Tasks of asyncio, and none of anyio's scopes: what is cancelled here may still await its end.
        sending = asyncio.create_task(self.stream_response(send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.wait((sending, leaving))
        if not sending.cancelled():
            sending.result()

    async def stream_response(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        try:
            await send(start)
            async for piece in self._pieces:
                async with asyncio.timeout(self._stall_seconds):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            logger.warning("a reader took nothing for too long; its answer was broken off")
        finally:
            await self._pieces.aclose()


async def begun(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same pieces, the first of which is there: what keeps it from being made is raised here, while
    it can still be told."""
    first = await anext(pieces, b"")
    return _after(first, pieces)


async def _after(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()


async def in_pieces(texts: AsyncGenerator[str]) -> AsyncGenerator[bytes]:
    """Texts as bytes, joined to pieces that are worth a message of their own."""
    waiting: list[bytes] = []
    size = 0
    try:
        async for text in texts:
            waiting.append(text.encode())
            size += len(waiting[-1])
            if size >= PIECE_BYTES:
                yield b"".join(waiting)
                waiting, size = [], 0
        yield b"".join(waiting)
    finally:
        await texts.aclose()
