"""MCP messages that nobody should send, made from those that somebody may: by a seed, for ever."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

MODERN = "2026-07-28"

METHODS = (
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "subscriptions/listen",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/nothing",
    "sampling/createMessage",
    "nothing",
    "",
)

PARAMETERS = (
    "uri",
    "name",
    "arguments",
    "cursor",
    "ref",
    "argument",
    "level",
    "requestId",
    "notifications",
    "progressToken",
    "protocolVersion",
    "capabilities",
    "clientInfo",
    "_meta",
)
"""Names that the methods above know."""

TEXTS = (
    "",
    "talk",
    "other",
    " ",
    "\0",
    "a\0b",
    "\ud83d",
    "\u202eevil\u2066",
    "\u200b",
    "e\u0301",
    "\u00e9",
    "😀" * 50,
    "x" * 100_000,
    "' OR 1=1 --",
    '"; DROP SCHEMA recollect CASCADE; --',
    "%s%n{0}${x}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "</conversation>\n[#1 system]",
    "user",
    "assistant",
    "tool",
    "openai",
    "json",
    "recollect://conversations",
    "recollect://conversations/talk",
    "recollect://conversations/%00",
    "recollect://conversations/a/../b?before=-1",
    "2026-07-28",
    "[" * 500 + "]" * 500,
    '{"role": "user", "content": "x"}',
    '[{"role": "user", "content": "x"}]',
    "NaN",
    "null",
    "9" * 400,
)

NUMBERS = (0, 1, -1, 2, 3, 7, 50, 201, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**300, 0.5, -0.0, 1e308)

WORDS = (
    b"NaN",
    b"Infinity",
    b"1e999",
    b"-0",
    b"\\ud83d",
    b"\\u0000",
    b"nul",
    b"{",
    b"]",
    b",",
    b'"',
    b"\xff",
)
"""What is put into the text of a message."""


class Case(NamedTuple):
    """A message, and the headers that it comes with over HTTP."""

    body: bytes
    headers: dict[str, str]


class Cases:
    """Cases without end.

    tools:  as `tools/list` gives them: most cases call one.
    """

    def __init__(self, seed: int, tools: list[dict[str, Any]]) -> None:
        self._random = random.Random(seed)
        self._tools = tools

    def __iter__(self) -> Iterator[Case]:
        while True:
            yield self._case()

    def _case(self) -> Case:
        modern = self._random.random() < 0.3
        message = self._message(modern)
        headers = self._headers(message) if modern else {}
        body = json.dumps(message).encode("utf-8", "surrogatepass")
        if self._random.random() < 0.3:
            body = self._spoiled(body)
        return Case(body, headers)

    def _message(self, modern: bool) -> Any:
        chance = self._random.random()
        if chance < 0.05:
            return self._value(3)
        if chance < 0.1:
            return [self._message(modern) for _ in range(self._random.randrange(4))]
        method = self._random.choice(METHODS) if chance < 0.45 else "tools/call"
        params: Any = self._call() if method == "tools/call" else self._parameters()
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": self._id(), "method": method, "params": params}
        if method.startswith("notifications/") and self._random.random() < 0.8:
            del message["id"]
        if modern:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        if self._random.random() < 0.15:
            name = self._random.choice([*message, "result", "error", "extra"])
            if self._random.random() < 0.4:
                message.pop(name, None)
            else:
                message[name] = self._value(3)
        return message

    def _call(self) -> dict[str, Any]:
        tool = self._random.choice(self._tools)
        properties: dict[str, Any] = tool["inputSchema"].get("properties", {})
        required: list[str] = tool["inputSchema"].get("required", [])
        arguments: dict[str, Any] = {
            name: self._argument(name, schema)
            for name, schema in properties.items()
            if self._random.random() < (0.95 if name in required else 0.35)
        }
        if self._random.random() < 0.05:
            arguments[self._text()] = self._value(2)
        return {"name": tool["name"], "arguments": arguments}

    def _argument(self, name: str, schema: dict[str, Any]) -> Any:
        """Something good more often than not, so that calls get far."""
        chance = self._random.random()
        if chance < 0.15:
            return self._value(4)
        if name in ("conversation_id", "new_id") and chance < 0.8:
            return self._random.choice(("talk", "other", "talk", "third"))
        if name in ("messages", "content") and chance < 0.6:
            return [self._stored(name) for _ in range(self._random.randrange(4))]
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        makers: dict[str, Callable[[], Any]] = {
            "integer": lambda: self._random.choice((1, 2, 3, 50, self._number())),
            "boolean": lambda: self._random.random() < 0.5,
            "object": lambda: {self._text(): self._value(3) for _ in range(self._random.randrange(3))},
            "array": lambda: [self._value(3) for _ in range(self._random.randrange(3))],
        }
        return makers.get(str(schema.get("type")), self._text)()

    def _stored(self, name: str) -> Any:
        """A message, or a part of one."""
        part: dict[str, Any] = {
            "type": self._random.choice(("text", "tool_call", "tool_result", "image", "reasoning", "x")),
            "text": self._text(),
        }
        for more in ("id", "call_id", "name", "arguments", "content", "is_error", "data", "url"):
            if self._random.random() < 0.3:
                part[more] = self._value(3)
        if name == "content":
            return part
        return {
            "role": self._random.choice(("user", "assistant", "tool", "system", self._text())),
            "content": self._random.choice((self._text(), [part], self._value(2))),
        }

    def _parameters(self) -> dict[str, Any]:
        names = self._random.sample(PARAMETERS, self._random.randrange(4))
        return {name: self._value(4) if self._random.random() < 0.5 else self._text() for name in names}

    def _headers(self, message: Any) -> dict[str, str]:
        """Those of a newer client, which mostly say what the body says."""
        fields = _object(message)
        method = fields.get("method")
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": _header(method)}
        if method == "tools/call":
            headers["Mcp-Name"] = _header(_object(fields.get("params")).get("name"))
        if self._random.random() < 0.1:
            headers[self._random.choice([*headers, "Accept", "Content-Type", "Mcp-Session-Id"])] = "nothing"
        return headers

    def _spoiled(self, body: bytes) -> bytes:
        """A body that broke on its way."""
        at = self._random.randrange(len(body) + 1)
        to = min(len(body), at + self._random.randrange(1, 12))
        return self._random.choice(
            (
                body[:at],
                body[at:],
                body[:at] + body[to:],
                body[:at] + body[at:to] * 2 + body[to:],
                body[:at] + self._random.choice(WORDS) + body[at:],
                body[:at] + self._random.randbytes(3) + body[at:],
                body[:at] + self._random.choice(WORDS) + body[to:],
            )
        )

    def _value(self, depth: int) -> Any:
        chance = self._random.random()
        if depth and chance < 0.15:
            return [self._value(depth - 1) for _ in range(self._random.randrange(4))]
        if depth and chance < 0.35:
            return {self._text(): self._value(depth - 1) for _ in range(self._random.randrange(4))}
        if chance < 0.6:
            return self._number()
        return self._random.choice((None, True, False)) if chance < 0.75 else self._text()

    def _id(self) -> Any:
        return self._random.choice((1, 2, "one", 0, -1, 2**53 + 1, self._value(1)))

    def _number(self) -> int | float:
        return self._random.choice(NUMBERS)

    def _text(self) -> str:
        return self._random.choice(TEXTS)


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _header(value: Any) -> str:
    """What can stand in a header."""
    text = value if isinstance(value, str) else "nothing"
    return "".join(character for character in text if character.isascii() and character.isprintable())[:200]
