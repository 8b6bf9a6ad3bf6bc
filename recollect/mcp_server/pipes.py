"""Standard input and output as MCP streams, with nothing but protocol on standard output.

Reading is done by a daemon thread: a blocked read must not keep the process alive, and works the
same for pipes, files, terminals and sockets on every platform.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_REQUEST,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)

from recollect.mcp_server.wire import Refused, decode, encode, find_id, refuse

MAX_LINE = 64 * 1024 * 1024
"""Longest line in bytes: a message of 10 MB of which every character is escaped, and its frame."""

DRAIN = 0.7
"""Seconds that requests under way may take to be answered after the input has ended."""

_CHUNK = 1 << 18


@dataclass(slots=True)
class Pending:
    """The requests that were read and not answered yet."""

    _ids: set[RequestId] = field(default_factory=set[RequestId])
    _none_left: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self, message: JSONRPCMessage) -> None:
        # A subscription is never answered while it lasts.
        if isinstance(message, JSONRPCRequest) and message.method != "subscriptions/listen":
            self._ids.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self._forget((message.params or {}).get("requestId"))

    def written(self, message: JSONRPCMessage) -> None:
        if isinstance(message, (JSONRPCResponse, JSONRPCError)):
            self._forget(message.id)

    async def drained(self) -> None:
        while self._ids:
            self._none_left.clear()
            await self._none_left.wait()

    def _forget(self, id: object) -> None:
        if isinstance(id, (str, int)):
            self._ids.discard(id)
        self._none_left.set()


class Pipes:
    """Our ends of the client's pipes, as the SDK's streams.

    read, write:  the streams for the server; `read` ends shortly after the input.
    """

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._pending = Pending()
        self._to_server, self.read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self.write, self._from_server = anyio.create_memory_object_stream[SessionMessage](0)
        self._answers = self.write.clone()

    async def pump_in(self, at_end: Callable[[], None]) -> None:
        """Give the server every message that comes in. When the input ends, call `at_end`, and give
        the requests under way a moment to be answered."""
        loop = asyncio.get_running_loop()
        lines, received = anyio.create_memory_object_stream[bytes | Refused](0)
        threading.Thread(target=_read, args=(self._source, loop, lines), name="stdin", daemon=True).start()
        async with self._to_server, self._answers:
            async for line in received:
                await self._receive(line)
            at_end()
            with anyio.move_on_after(DRAIN):
                await self._pending.drained()

    async def pump_out(self) -> None:
        """Write every message that the server sends; done when it sends no more or nobody reads."""
        async with self._from_server:
            with suppress(OSError):
                async for item in self._from_server:
                    await asyncio.to_thread(_write, self._sink, encode(item.message))
                    self._pending.written(item.message)

    async def _receive(self, line: bytes | Refused) -> None:
        try:
            if isinstance(line, Refused):
                raise line
            message = decode(line)
        except Refused as refused:
            for answer in refused.answers:
                await self._answers.send(SessionMessage(answer))
            return
        self._pending.read(message)
        await self._to_server.send(SessionMessage(message))


@asynccontextmanager
async def claimed_pipes() -> AsyncGenerator[Pipes]:
    """Take standard input and output for the protocol.

    From here on, whatever prints goes to standard error, and whatever reads finds the end.
    They are not given back: the process ends after this.
    """
    source, sink = _moved(0), _moved(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    yield Pipes(source, sink)


def _moved(fd: int) -> int:
    """A duplicate of a standard descriptor, outside of the standard range, that children do not get."""
    if sys.platform != "win32":
        import fcntl  # not on Windows

        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    return os.dup(fd)


def _read(
    source: int, loop: asyncio.AbstractEventLoop, lines: MemoryObjectSendStream[bytes | Refused]
) -> None:
    """The body of the reading thread."""
    try:
        for line in _lines(source):
            asyncio.run_coroutine_threadsafe(lines.send(line), loop).result()
        loop.call_soon_threadsafe(lines.close)
    except (CancelledError, RuntimeError, anyio.BrokenResourceError):
        return  # the server has ended meanwhile, or even the event loop


def _lines(source: int) -> Iterator[bytes | Refused]:
    """The lines of a descriptor until its end; a line that is too long is refused, not kept."""
    kept: list[bytes] = []
    size = 0
    while chunk := _read_some(source):
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            line = _finished(kept, size, piece)
            kept, size = [], 0
            if line:
                yield line
        size += len(rest)
        if rest and (size <= MAX_LINE or not kept):
            kept.append(rest)
    if line := _finished(kept, size, b""):
        yield line


def _finished(kept: list[bytes], size: int, piece: bytes) -> bytes | Refused | None:
    if size + len(piece) > MAX_LINE:
        problem = f"Invalid request: a line may have {MAX_LINE} bytes"
        return refuse(INVALID_REQUEST, problem, find_id(kept[0] if kept else piece))
    line = b"".join((*kept, piece))
    return None if line.isspace() or not line else line


def _read_some(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:  # a terminal that hung up, a socket that was reset
        return b""


def _write(sink: int, line: bytes) -> None:
    view = memoryview(line)
    while view:
        view = view[os.write(sink, view) :]
