"""A proxy in front of a PostgreSQL server that counts round trips and misbehaves on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit


class TcpProxy:
    """Forwards to one server.

    round_trips:      how often the server answered something since the counter was set.
    cut_after_sends:  when it reaches 1, the next message is handed to the server, and the
                      client's connection is cut before the answer. 0: never.
    frozen:           connections stay open and nothing gets through, as when a NAT forgot them.
                      New connections work.
    latency:          seconds by which each answer is late.
    """

    def __init__(self, upstream: str) -> None:
        self.round_trips = 0
        self.connections = 0
        self.cut_after_sends = 0
        self.latency = 0.0
        self.port = 0
        self._asked = False
        self._upstream = urlsplit(upstream)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def url(self) -> str:
        user = f"{self._upstream.username}@" if self._upstream.username else ""
        return f"postgresql://{user}127.0.0.1:{self.port}{self._upstream.path}?sslmode=disable"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut everything; the port refuses connections from now on."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Close all connections."""
        for writer in self._writers:
            writer.close()

    def thaw(self) -> None:
        """Forget the frozen connections: both ends are told that they are gone."""
        for writer in self._frozen:
            writer.transport.abort()
        self._frozen.clear()

    def freeze(self) -> None:
        """Let nothing more through on the present connections."""
        self._frozen |= self._writers
        self._flowing = asyncio.Event()
        self._flowing.set()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        query = parse_qs(self._upstream.query)
        port = int(query.get("port", [self._upstream.port or 5432])[0])
        try:
            if "host" in query:
                path = f"{query['host'][0]}/.s.PGSQL.{port}"
                server_reader, server_writer = await asyncio.open_unix_connection(path)
            else:
                host = self._upstream.hostname or "localhost"
                server_reader, server_writer = await asyncio.open_connection(host, port)
        except OSError:  # it is down: so are we
            writer.transport.abort()
            return
        self._writers |= {writer, server_writer}
        for coroutine in (
            self._requests(reader, server_writer, writer),
            self._answers(server_reader, writer),
        ):
            task = asyncio.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if self.cut_after_sends == 1:
                    client.transport.abort()
                server.write(data)
                await server.drain()
                self.cut_after_sends = max(0, self.cut_after_sends - 1)
                self._asked = True
        server.close()

    async def _answers(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                self.round_trips += self._asked
                self._asked = False
                await asyncio.sleep(self.latency)
                client.write(data)
                await client.drain()
        client.close()


@asynccontextmanager
async def tcp_proxy(upstream: str) -> AsyncGenerator[TcpProxy]:
    """A running proxy on a port of 127.0.0.1."""
    proxy = TcpProxy(upstream)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
