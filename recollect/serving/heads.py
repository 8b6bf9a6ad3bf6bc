"""The fast HTTP parser, with limits for what stands before a request's body and behind it.

httptools takes a request line and headers without end, and uvicorn waits for them for ever: whoever
can connect, with or without a token, could fill the memory or use up the connections. h11, the other
parser, limits their size by itself.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""Most bytes of a request line with its headers, or of trailers: as many as h11 takes. What is read at
once, up to 256 kB, is looked at as a whole."""

HEAD_SECONDS = 60.0
"""How long a new connection may be without a request, a request without the end of its headers, and one that
was answered without the end of its body: uvicorn lets who was refused go on sending for ever."""


class LimitedHeads(HttpToolsProtocol):
    """One connection. It is closed when a head is too large or does not come to its end, and when what was
    answered already does not."""

    _asked = False
    _whole = True
    _since_progress = 0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._proceed()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._since_progress += len(data)
        super().data_received(data)
        if self._since_progress > HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        self._asked = True
        self._whole = False
        self._proceed()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._since_progress = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._whole = True
        self._proceed()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self._whole and not self.transport.is_closing():
            self._wait()

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _proceed(self) -> None:
        self._since_progress = 0
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self) -> None:
        """Say so, unless it would land in the middle of an answer."""
        if not self._asked or self.cycle.response_complete:
            self.send_400_response(f"A request line and its headers may have {HEAD_BYTES} bytes.")
        else:
            self.transport.close()
