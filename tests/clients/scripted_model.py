"""A Messages API on loopback whose model follows a script: real clients of models, without a model.

A script is a generator. It yields the tool calls of one turn, is sent what the client shows the
model of their results, and returns the model's last words:

    def script():
        (created,) = yield [Call("create_conversation", {"title": "Porto"})]
        return f"I made {created.text}"

Every request is kept, so a test sees what the model would see: tool definitions, instructions,
results.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, NamedTuple

from recollect.history.tokens import estimate

Json = dict[str, Any]


class Call(NamedTuple):
    """A tool call of the model. `tool` is the name under which the client offers it."""

    tool: str
    arguments: Json


class Seen(NamedTuple):
    """What the model is shown of a result: the block as the client sent it."""

    block: Json

    @property
    def text(self) -> str:
        """The words of the result, whether the client sent a string or text blocks."""
        content = self.block.get("content", "")
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)

    @property
    def is_error(self) -> bool:
        return self.block.get("is_error", False)


Script = Generator[Sequence[Call], list[Seen], str]


class ScriptedModel:
    """Answers requests as its script says.

    address:   where the API is, without a path.
    requests:  the body of every request that could call tools, oldest first.
    """

    def __init__(self, script: Script) -> None:
        self.address = ""
        self.requests: list[Json] = []
        self._script = script
        self._failure: Exception | None = None
        self._pending: list[str] | None = None
        self._numbers = count(1)

    def answer(self, body: Json) -> list[Json]:
        """The blocks with which the model answers a request."""
        if not body.get("tools"):  # a side question of the client's, such as for a title
            return [_words("ok")]
        self.requests.append(body)
        try:
            calls = next(self._script) if self._pending is None else self._script.send(self._results(body))
        except StopIteration as end:
            return [_words(str(end.value))]
        except Exception as error:  # told to the test, by `finish`; the client gets an end
            self._failure = error
            return [_words(f"the script failed: {error!r}")]
        blocks: list[Json] = [
            {"type": "tool_use", "id": f"toolu_{next(self._numbers)}", "name": tool, "input": arguments}
            for tool, arguments in calls
        ]
        self._pending = [block["id"] for block in blocks]
        return blocks

    def finish(self) -> None:
        """Raises what the script raised."""
        if self._failure is not None:
            raise self._failure

    def told(self) -> str:
        """All words, but for results, that the model was given before its first answer."""
        first = self.requests[0]
        return "\n".join(_texts(first.get("system", "")) + _texts(first["messages"]))

    def _results(self, body: Json) -> list[Seen]:
        blocks = [
            block
            for message in body["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
        ]
        found = {block["tool_use_id"]: Seen(block) for block in blocks if block["type"] == "tool_result"}
        return [found[id] for id in self._pending or ()]


@contextmanager
def scripted_model(script: Script) -> Generator[ScriptedModel]:
    """Serve the Messages API until the block ends. Raises at its end what the script raised."""
    model = ScriptedModel(script)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, model))
    model.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    model.finish()


class _Handler(BaseHTTPRequestHandler):
    """One request: /v1/messages, streamed or not, or /v1/messages/count_tokens."""

    protocol_version = "HTTP/1.1"

    def __init__(self, model: ScriptedModel, *connection: Any) -> None:
        self._model = model
        super().__init__(*connection)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "count_tokens" in self.path:
            self._send("application/json", json.dumps({"input_tokens": _tokens(body)}))
            return
        message = _message(body, self._model.answer(body))
        if body.get("stream"):
            self._send("text/event-stream", "".join(map(_event, _events(message))))
        else:
            self._send("application/json", json.dumps(message))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: what matters is in `requests`."""

    def _send(self, kind: str, content: str) -> None:
        sent = content.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)


def _message(body: Json, blocks: list[Json]) -> Json:
    return {
        "id": f"msg_{len(body['messages'])}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": _tokens(body), "output_tokens": 1},
    }


def _events(message: Json) -> Generator[Json]:
    """A message as the events of its stream."""
    yield {"type": "message_start", "message": message | {"content": [], "stop_reason": None}}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            start, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            start = block | {"input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


def _event(event: Json) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def _words(text: str) -> Json:
    return {"type": "text", "text": text}


def _texts(value: Any) -> list[str]:
    """Every text in system blocks or messages."""
    if isinstance(value, str):
        return [value]
    return [text for block in value for text in _texts(block.get("content", block.get("text", "")))]


def _tokens(body: Json) -> int:
    return estimate(json.dumps(body["messages"], ensure_ascii=False))
