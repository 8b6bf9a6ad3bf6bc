"""An SSE session over a socket, line by line."""

from __future__ import annotations

import http.client
import json
from types import TracebackType
from typing import Any, Self

from tests.mcp_server.http_process import HEADERS, Answer, HttpProcess, bearer, request
from tests.mcp_server.processes import INITIALIZE

MODERN = "2026-07-28"


class SseSession:
    """The stream of one client, and what is posted to it."""

    def __init__(self, server: HttpProcess, token: str) -> None:
        self._server = server
        self._token = token
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

    def __enter__(self) -> Self:
        self._connection.request("GET", "/sse", headers=bearer(self._token))
        self._stream = self._connection.getresponse()
        assert self._stream.status == 200
        self.path = self._event("endpoint")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._stream.close()

    def post(self, body: bytes, token: str, **headers: str) -> Answer:
        """Send a message into the session."""
        return self._server.ask("POST", self.path, body, **HEADERS, **headers, **bearer(token))

    def receive(self) -> dict[str, Any]:
        """The next message on the stream."""
        return json.loads(self._event("message"))

    def initialize(self) -> None:
        assert self.post(request("initialize", INITIALIZE), self._token).status == 202
        assert "result" in self.receive()
        done = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
        assert self.post(done, self._token).status == 202

    def _event(self, name: str) -> str:
        """The data of the next event, which must be of this kind."""
        while not (line := self._stream.readline().decode().rstrip("\r\n")).startswith("event:"):
            assert line == "" or line.startswith(":"), line
        assert line == f"event: {name}"
        data = self._stream.readline().decode()
        assert data.startswith("data: ")
        return data.removeprefix("data: ").rstrip("\r\n")


class ListenStream:
    """A stream of changes, as a newer client asks for it."""

    def __init__(self, server: HttpProcess, token: str | None, uris: list[str], **more: Any) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        params: dict[str, Any] = {
            "notifications": {"resourceSubscriptions": uris, **more},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        }
        headers = HEADERS | {"MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"}
        headers |= {} if token is None else bearer(token)
        self._connection.request("POST", "/mcp", request("subscriptions/listen", params), headers)
        self.answer = self._connection.getresponse()

    def __enter__(self) -> Self:
        assert self.receive()["method"] == "notifications/subscriptions/acknowledged"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        self.answer.close()

    def receive(self) -> dict[str, Any]:
        """The next message; the stream's result is its last."""
        while not (line := self.answer.readline()).startswith(b"data: "):
            assert line, "the stream ended without a result"
        return json.loads(line.removeprefix(b"data: "))

    def updated(self) -> str:
        """The URI of the next update."""
        message = self.receive()
        assert message["method"] == "notifications/resources/updated", message
        return message["params"]["uri"]
