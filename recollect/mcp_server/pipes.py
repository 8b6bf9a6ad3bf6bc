"""Standard input and output as MCP streams, with nothing but protocol on standard output.

Pipes and sockets, which is what clients use, say when they are ready, so the event loop reads and
writes them itself: a thread in between costs a tenth of a call. Everything else (files, terminals,
Windows) is read by a daemon thread, so that a blocked read does not keep the process alive, and
what does not fit into a pipe at once is written by one.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
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
from recollect.settings import MAX_REQUEST_BYTES

DRAIN = 0.7
"""Seconds that requests under way may take to be answered after the input has ended."""

_CHUNK = 1 << 18

_MOST_AT_ONCE = 1 << 16
"""Longest line that is written without a thread, where the client reads it fast enough."""


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
        async with self._to_server, self._answers:
            if _says_when_ready(self._source):
                await self._read_when_ready()
            else:
                await self._read_in_thread()
            at_end()
            with anyio.move_on_after(DRAIN):
                await self._pending.drained()

    async def pump_out(self) -> None:
        """Write every message that the server sends; done when it sends no more or nobody reads."""
        ready = _readiness(self._sink)
        async with self._from_server:
            with suppress(OSError):
                async for item in self._from_server:
                    rest = _write_at_once(self._sink, encode(item.message), ready)
                    if rest:
                        await asyncio.to_thread(_write, self._sink, rest)
                    self._pending.written(item.message)

    async def _read_when_ready(self) -> None:
        lines = Lines()
        while not lines.ended:
            await anyio.wait_readable(self._source)
            # Nobody else reads our standard input, so this finds what was announced, or the end.
            for line in lines.feed(_read_some(self._source)):
                await self._receive(line)

    async def _read_in_thread(self) -> None:
        loop = asyncio.get_running_loop()
        lines, received = anyio.create_memory_object_stream[bytes | Refused](0)
        threading.Thread(target=_read, args=(self._source, loop, lines), name="stdin", daemon=True).start()
        async for line in received:
            await self._receive(line)

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


class Lines:
    """Cuts what arrives into lines; one that is too long is refused, not kept.

    ended:  whether the end has arrived.
    """

    def __init__(self) -> None:
        self.ended = False
        self._kept: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes | Refused]:
        """The lines that `chunk` completes. An empty one is the end, and completes the last line."""
        self.ended = not chunk
        *whole, rest = (b"", b"") if self.ended else chunk.split(b"\n")
        for piece in whole:
            line = _finished(self._kept, self._size, piece)
            self._kept, self._size = [], 0
            if line:
                yield line
        self._size += len(rest)
        if rest and (self._size <= MAX_REQUEST_BYTES or not self._kept):
            self._kept.append(rest)


def _read(
    source: int, loop: asyncio.AbstractEventLoop, received: MemoryObjectSendStream[bytes | Refused]
) -> None:
    """The body of the reading thread."""
    lines = Lines()
    try:
        while not lines.ended:
            for line in lines.feed(_read_some(source)):
                asyncio.run_coroutine_threadsafe(received.send(line), loop).result()
        loop.call_soon_threadsafe(received.close)
    except (CancelledError, RuntimeError, anyio.BrokenResourceError):
        return  # the server has ended meanwhile, or even the event loop


def _finished(kept: list[bytes], size: int, piece: bytes) -> bytes | Refused | None:
    if size + len(piece) > MAX_REQUEST_BYTES:
        problem = f"Invalid request: a line may have {MAX_REQUEST_BYTES} bytes"
        return refuse(INVALID_REQUEST, problem, find_id(kept[0] if kept else piece))
    line = b"".join((*kept, piece))
    return None if line.isspace() or not line else line


def _read_some(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:  # a terminal that hung up, a socket that was reset
        return b""


def _says_when_ready(fd: int) -> bool:
    """Whether the event loop can tell when a descriptor is ready."""
    mode = os.fstat(fd).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


def _readiness(sink: int) -> Callable[[], object]:
    """Asks whether a descriptor takes `select.PIPE_BUF` bytes now; no where that is unknown."""
    if sys.platform == "win32" or not _says_when_ready(sink):
        return lambda: False
    poll = select.poll()
    poll.register(sink, select.POLLOUT)
    return lambda: poll.poll(0)


def _write_at_once(sink: int, line: bytes, ready: Callable[[], object]) -> memoryview:
    """Write what can be written without waiting; gives what is left."""
    view = memoryview(line)
    if len(line) <= _MOST_AT_ONCE:
        while view and ready():
            view = view[os.write(sink, view[: select.PIPE_BUF]) :]
    return view


def _write(sink: int, view: memoryview) -> None:
    while view:
        view = view[os.write(sink, view) :]
