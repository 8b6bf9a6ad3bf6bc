"""Lines of JSON to messages and back: whatever a line holds, it gets a message or an answer.

The SDK drops a line it cannot parse, and its caller waits forever. Its parser also refuses lone
surrogates, which TypeScript clients send when they cut a string in the middle of an emoji; such
lines are parsed again by Python's parser, which keeps them.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from mcp.types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

MAX_BATCH_ERRORS = 100

_ID = rb'"id"\s*:\s*(-?[0-9]{1,18}|"[^"\\\x00-\x1f]{1,200}")'
# The id of a request that cannot be parsed, where it can only be the request's own: before
# `params`, or as the last member, right before the one brace that closes the line.
_ID_FIRST = re.compile(
    rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*|"method"\s*:\s*"[^"\\]{0,200}"\s*,\s*)*' + _ID + rb"\s*[,}]"
)
_ID_LAST = re.compile(rb",\s*" + _ID + rb'(?:\s*,\s*"jsonrpc"\s*:\s*"2\.0")?\s*\}\s*$')


class Refused(Exception):
    """A line that is no message; `answers` say so to whoever waits."""

    def __init__(self, answers: list[JSONRPCError]) -> None:
        super().__init__("refused a line")
        self.answers = answers


def decode(line: bytes) -> JSONRPCMessage:
    """The message in a line. Raises: Refused."""
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError:
        return _decode_slowly(line)
    if isinstance(message, JSONRPCNotification) and b'"id"' in line:
        return _decode_slowly(line)  # a request whose id the parser did not take for one?
    return message


def encode(message: JSONRPCMessage) -> bytes:
    """A message as a line. Text that is not Unicode shows U+FFFD: clients refuse lone surrogates."""
    try:
        line = message.model_dump_json(by_alias=True, exclude_unset=True)
    except ValueError:
        content = message.model_dump(by_alias=True, exclude_unset=True)
        line = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        line = line.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return line.encode() + b"\n"


def refuse(code: int, problem: str, id: RequestId | None = None) -> Refused:
    return Refused([_error(code, problem, id)])


def find_id(line: bytes) -> RequestId | None:
    """The id of a request that cannot be parsed, if there is no doubt about it."""
    found = _ID_FIRST.match(line[:2_000]) or _ID_LAST.search(line[-500:])
    if found is None:
        return None
    try:
        return json.loads(found[1])
    except ValueError:  # not UTF-8 either, or a number that begins with zeros
        return None


def _decode_slowly(line: bytes) -> JSONRPCMessage:
    try:
        value: object = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise refuse(PARSE_ERROR, "Parse error: the line is not UTF-8", find_id(line)) from error
    except RecursionError as error:
        raise refuse(PARSE_ERROR, "Parse error: JSON nested too deeply", find_id(line)) from error
    except ValueError as error:  # not JSON, or a number with more digits than Python converts
        raise refuse(
            PARSE_ERROR, "Parse error: the line is not JSON that can be read", find_id(line)
        ) from error
    if isinstance(value, list):
        raise _batch(cast("list[object]", value))
    try:
        message = jsonrpc_message_adapter.validate_python(value, by_name=False)
    except ValidationError as error:
        raise refuse(INVALID_REQUEST, "Invalid request: not a JSON-RPC 2.0 message", _id_of(value)) from error
    if isinstance(message, JSONRPCNotification) and "id" in cast("dict[str, Any]", value):
        raise refuse(INVALID_REQUEST, "Invalid request: id must be a string or an integer")
    return message


def _batch(requests: list[object]) -> Refused:
    problem = "Invalid request: no batches; send each message on a line of its own"
    ids = [id for request in requests if (id := _id_of(request)) is not None]
    return Refused([_error(INVALID_REQUEST, problem, id) for id in ids[:MAX_BATCH_ERRORS] or [None]])


def _id_of(value: object) -> RequestId | None:
    if not isinstance(value, dict):
        return None
    id = cast("dict[str, object]", value).get("id")
    return id if isinstance(id, (str, int)) and not isinstance(id, bool) else None


def _error(code: int, problem: str, id: RequestId | None) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=id, error=ErrorData(code=code, message=problem))
