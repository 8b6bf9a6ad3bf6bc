"""Servers over HTTP in processes of their own, with two workers each, and connections to them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.servers import environment

WORKERS = 2
START_SECONDS = 60.0
ROOT = Path(__file__).parent.parent

RECOLLECT = ("-m", "recollect", "serve", "--port", "0", "--workers", str(WORKERS))
_UVICORN = ("--port", "0", "--workers", str(WORKERS), "--no-access-log")
BARE = ("-m", "uvicorn", "benchmarks.bare_http:app", *_UVICORN)
FLOOR = ("-m", "uvicorn", "benchmarks.floor_server:app", *_UVICORN)

_LISTENS = re.compile(r"listens on 127\.0\.0\.1:(\d+)|Uvicorn running on http://127\.0\.0\.1:(\d+)")
_STARTED = "Application startup complete"
"""What each worker of uvicorn says; its parent says where it listens before anybody does."""


class Serving(NamedTuple):
    """A server that listens."""

    port: int
    pid: int


@contextmanager
def serving(command: tuple[str, ...], home: Path, log: Path, **settings: str) -> Generator[Serving]:
    """Run a server until the block ends; it begins once the server says that it listens."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, *command],
            env=environment(home) | settings,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Serving(_port(server, log), server.pid)
    finally:
        server.terminate()
        server.wait()


def _port(server: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        text = log.read_text(encoding="utf-8")
        found = _LISTENS.search(text)
        if found is not None and (found[1] or text.count(_STARTED) == WORKERS):
            return int(found[1] or found[2])
        time.sleep(0.05)
    raise SystemExit(f"a server did not start:\n{log.read_text(encoding='utf-8')[-2_000:]}")


MODERN = "2026-07-28"


class Call(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def tool_call(tool: str, arguments: dict[str, Any], headers: dict[str, str] | None = None) -> Call:
    """A call of a tool as the newest clients send it. Everybody has the same request id."""
    params: dict[str, Any] = {
        "name": tool,
        "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    more = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    return Call("POST", "/mcp", (headers or {}) | more, body)


class Connection:
    """One connection that is kept: as little of a client as can be, since it runs beside the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    async def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length is None:
            raise SystemExit(f"an answer without a length: {head[:200]!r}")
        return int(head.split(b" ", 2)[1]), await self._reader.readexactly(int(length[1]))


@asynccontextmanager
async def connected(port: int) -> AsyncGenerator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    try:
        yield Connection(reader, writer, f"127.0.0.1:{port}")
    finally:
        writer.close()
