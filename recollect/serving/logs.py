"""What `recollect serve` logs: one line a message on standard error, as text or as JSON.

No line holds what somebody said, a token or a connection string. Our own messages are written
that way. Other people's code formats whatever it has into a message or an exception, so of
theirs only the constant parts are shown: where it was logged, the types of the exceptions, and
the lines of code they went through.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from traceback import walk_tb
from typing import Any, Literal, cast

from recollect.models.errors import RecollectError

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being served; every line that it causes carries it."""

MAX_FRAMES = 30

# What these say holds no data: when it starts, stops, and that a request could not be parsed.
_TRUSTED = ("recollect", "uvicorn.error")

Fields = dict[str, Any]


def log_as(format: Literal["text", "json"], level: str) -> None:
    """Log what has at least this level. To be called before a server is made: the SDK configures
    logging only where nobody has."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if format == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[handler])
    # At DEBUG these write whole messages.
    for name in ("mcp", "sse_starlette", "hpack", "httpcore2", "httpx2"):
        logging.getLogger(name).setLevel("INFO" if level == "DEBUG" else level)


class JsonLines(logging.Formatter):
    """A JSON object a line: time, level, logger, message, request_id?, fields of the message, error?"""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_fields(record), separators=(",", ":"), default=str)


class TextLines(logging.Formatter):
    """The same as a line of text."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        head = [fields.pop(name) for name in ("time", "level", "logger", "message")]
        time, level, logger, message = head
        rest = "".join(f" {name}={_plain(value)}" for name, value in fields.items())
        return f"{time} recollect {level} {logger}: {message}{rest}"


def described(error: BaseException) -> list[Fields]:
    """An exception and what led to it, without the texts that other people's code gave them."""
    return [_described(one) for one in _chain(error)]


def _fields(record: logging.LogRecord) -> Fields:
    fields: Fields = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": _message(record),
    }
    if (request := REQUEST_ID.get()) is not None:
        fields["request_id"] = request
    if (more := getattr(record, "fields", None)) is not None:
        fields |= cast("Fields", more)
    if record.exc_info is not None and (error := record.exc_info[1]) is not None:
        fields["error"] = described(error)
    return fields


def _message(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] == "recollect" or record.name in _TRUSTED:
        return " ".join(record.getMessage().split())
    if record.args and isinstance(record.msg, str):
        return " ".join(record.msg.split())  # the template; what was put into it stays out
    return f"(text withheld) {record.module}.{record.funcName}:{record.lineno}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions[:3]:
                yield from _chain(inner)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _described(error: BaseException) -> Fields:
    kind = type(error)
    fields: Fields = {"type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}
    if isinstance(error, RecollectError):
        fields["text"] = str(error)
    for name in ("sqlstate", "constraint_name", "table_name"):
        if isinstance(value := getattr(error, name, None), str):
            fields[name] = value
    fields["at"] = [_place(code.co_filename, line, code.co_name) for code, line in _frames(error)]
    return fields


def _frames(error: BaseException) -> list[tuple[Any, int]]:
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    return frames[-MAX_FRAMES:]


def _place(file: str, line: int, function: str) -> str:
    """A line of code, by the file's name inside its package: no path of this machine."""
    path = file.replace("\\", "/")
    for root in ("/site-packages/", "/recollect/"):
        if root in path:
            path = ("recollect/" if root == "/recollect/" else "") + path.rpartition(root)[2]
            break
    else:
        path = path.rpartition("/")[2]
    return f"{path}:{line} {function}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and " " not in value else json.dumps(value, default=str)
