"""`recollect serve` as a real process, and requests to it over a socket."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.mcp_server.processes import environment

HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}

START_LIMIT = 60.0
"""Seconds until it listens, on a busy machine."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def challenge(self) -> dict[str, str]:
        """The parameters of WWW-Authenticate, which must be a Bearer challenge."""
        scheme, _, rest = self.headers["www-authenticate"].partition(" ")
        assert scheme == "Bearer"
        found = dict(re.findall(r'(\w+)="([^"\\]*)"', rest))
        assert rest == ", ".join(f'{name}="{value}"' for name, value in found.items())
        return found


class HttpProcess:
    """`recollect serve` on a free port. program: what Python runs as `recollect`."""

    def __init__(
        self,
        settings: dict[str, str],
        log: Path,
        *arguments: str,
        program: tuple[str, ...] = ("-m", "recollect"),
    ) -> None:
        self._log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *program, "serve", "--port", "0", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=environment(settings),
            )
        limit = time.monotonic() + START_LIMIT
        while (found := re.search(r"listens on \S+?:(\d+)$", self.log(), flags=re.MULTILINE)) is None:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < limit, self.log()
            time.sleep(0.02)
        self.port = int(found[1])
        self.address = f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def ask(self, method: str, path: str, body: bytes | None = None, /, **headers: str) -> Answer:
        """Send a request and read its answer; `_` in a header's name stands for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            # The body of an event stream has no end.
            ends = not named.get("content-type", "").startswith("text/event-stream")
            return Answer(answer.status, named, answer.read() if ends else b"")
        finally:
            connection.close()

    def send(self, body: bytes, /, **headers: str) -> Answer:
        """Send a message to /mcp."""
        return self.ask("POST", "/mcp", body, **HEADERS, **headers)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def request(method: str, params: dict[str, Any] | None = None, id: int = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}).encode()


def tool_call(tool: str, **arguments: Any) -> bytes:
    return request("tools/call", {"name": tool, "arguments": arguments})


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def call(server: HttpProcess, token: str, tool: str, **arguments: Any) -> Answer:
    """Call a tool with a token."""
    return server.send(tool_call(tool, **arguments), **bearer(token))


def text(answer: Answer) -> str:
    """What a tool said."""
    assert answer.status == 200, answer
    return answer.json["result"]["content"][0]["text"]
