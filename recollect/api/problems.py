"""From errors to problem details (RFC 9457): the one mapper of this door.

Whatever goes wrong is answered with `application/problem+json`: a type to branch on, a title,
the status, a detail that says the next step, and what the error carries besides. No problem
repeats a value that was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, cast

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from recollect.api.answer import Answer
from recollect.api.strict_json import MAX_NAME_CHARS, Malformed
from recollect.identity.authorization import challenge
from recollect.models.as_json import JsonObject, message_fields, message_without_content
from recollect.models.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    HeadMoved,
    InvalidArgument,
    InvalidSetting,
    KeyReused,
    NotFound,
    NotReady,
    NotReproducible,
    OutcomeUnknown,
    RecollectError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from recollect.models.message import Message

TYPE = "urn:recollect:problem:"
MEDIA_TYPE = "application/problem+json"

MAX_PROBLEMS = 5
"""Most wrong arguments of one request that are listed."""

RETRY_AFTER = 2
"""Seconds after which what the database could not do may be tried again."""


class Kind(NamedTuple):
    """A type of problem: the end of its URI, its status, and what every one of them is."""

    name: str
    status: int
    title: str


KINDS: dict[type[RecollectError], Kind] = {
    Malformed: Kind("malformed", 400, "The request cannot be read"),
    InvalidArgument: Kind("invalid-argument", 422, "An argument is not acceptable"),
    Unauthenticated: Kind("unauthenticated", 401, "There is no token, or it is not accepted"),
    Forbidden: Kind("forbidden", 403, "The token does not allow this"),
    TooManyRequests: Kind("too-many-requests", 429, "This user asked for too much within a minute"),
    NotFound: Kind("not-found", 404, "There is no such thing"),
    AlreadyExists: Kind("already-exists", 409, "There is one with this id already"),
    Conflict: Kind("conflict", 409, "This does not fit the present state"),
    HeadMoved: Kind("head-moved", 412, "The conversation grew since you looked"),
    KeyReused: Kind("key-reused", 422, "The idempotency key was used for other content"),
    NotReproducible: Kind("not-reproducible", 409, "This context cannot be made again"),
    Unavailable: Kind("unavailable", 503, "This cannot be done right now"),
    OutcomeUnknown: Kind("outcome-unknown", 503, "It may or may not have been saved"),
    NotReady: Kind("not-ready", 503, "The database needs its operator"),
    InvalidSetting: Kind("misconfigured", 503, "The server's settings need its operator"),
    RecollectError: Kind("refused", 400, "This cannot be done"),
}
"""Every error that Recollect raises on purpose; a class that is not listed is its base class."""

HTTP_KINDS: dict[int, Kind] = {
    403: Kind("foreign-origin", 403, "Web pages from there may not send requests here"),
    404: Kind("no-such-route", 404, "There is nothing at this address"),
    405: Kind("method-not-allowed", 405, "This address does not take this method"),
    408: Kind("too-slow", 408, "The request came too slowly"),
    413: Kind("too-large", 413, "The request is too large"),
    415: Kind("unsupported-media-type", 415, "The body is not called what it has to be"),
    421: Kind("misdirected", 421, "This server is not called so"),
}
"""What HTTP itself refuses, by status."""

_NEXT = {
    404: "/api/openapi.json lists every address; encode ids, their slashes included",
    405: "The header Allow names the methods that it takes",
}

DEFECT = Kind("internal", 500, "Recollect failed")

# The verbs' names of what is a header here.
_HEADERS = {"key": "Idempotency-Key", "expected_head": "If-Match"}


def of_error(error: RecollectError, *, in_path: bool, sent: bool, metadata_url: str | None) -> Answer:
    """The answer to an error that was foreseen.

    in_path:       the address names the conversation, which the verbs call `id`.
    sent:          there was a token.
    metadata_url:  where a client without one learns who gives them out.
    """
    kind = kind_of(type(error))
    argument, detail = _named(error, in_path)
    headers: dict[str, str] = {}
    more: JsonObject = {} if argument is None else {"argument": argument}
    if isinstance(error, HeadMoved):
        more |= {"head": error.head, "added": [_added(message) for message in error.added]}
        headers["ETag"] = f'"{error.head}"'
        detail = _how_to_go_on(error)
    elif isinstance(error, (Unauthenticated, Forbidden)):
        headers["WWW-Authenticate"] = challenge(error, metadata_url, sent=sent)
        more |= {"scopes": list(error.scopes)} if isinstance(error, Forbidden) else {}
    elif isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unavailable) and not isinstance(error, OutcomeUnknown):
        headers["Retry-After"] = str(RETRY_AFTER)
        detail = f"{detail} Nothing was changed."
    return _answer(kind, detail, headers, more)


def of_broken_off(error: RecollectError) -> JsonObject:
    """The last line of an answer that could not go on, of work that was stored piece by piece."""
    kind = kind_of(type(error))
    rest = (
        ""
        if isinstance(error, Conflict)
        else " What was reported is stored; send the same again for the rest."
    )
    detail = f"{error}{rest}"
    return {"type": TYPE + kind.name, "title": kind.title, "status": kind.status, "detail": detail}


def of_arguments(error: RequestValidationError) -> Answer:
    """The answer to arguments of the wrong type or outside of their bounds, each by its name."""
    problems = [_problem(each) for each in cast("Sequence[dict[str, Any]]", error.errors())[:MAX_PROBLEMS]]
    detail = "; ".join(f"{each['argument']}: {each['problem']}" for each in problems)
    more: JsonObject = {"argument": problems[0]["argument"], "errors": problems}
    return _answer(KINDS[InvalidArgument], f"{detail}.", {}, more)


def of_http(error: HTTPException) -> Answer:
    """The answer to what no route takes."""
    known = HTTP_KINDS.get(error.status_code)
    kind = known or Kind("http", error.status_code, HTTPStatus(error.status_code).phrase)
    detail = _NEXT.get(error.status_code, error.detail)
    return _answer(kind, f"{detail}.", dict(error.headers or {}), {})


def of_defect() -> Answer:
    """The answer to what nobody foresaw; it gives nothing away."""
    detail = (
        "The server's log says why. A retry is safe: reads change nothing, and an append with an "
        "Idempotency-Key lands once."
    )
    return _answer(DEFECT, detail, {}, {})


def kind_of(error: type[RecollectError]) -> Kind:
    """The type of problem that a class of errors is."""
    return next(KINDS[base] for base in error.__mro__ if base in KINDS)


def _answer(kind: Kind, detail: str, headers: dict[str, str], more: JsonObject) -> Answer:
    fields = {"type": TYPE + kind.name, "title": kind.title, "status": kind.status, "detail": detail, **more}
    return Answer(fields, kind.status, headers=headers, media_type=MEDIA_TYPE)


def _named(error: RecollectError, in_path: bool) -> tuple[str | None, str]:
    """The argument that an error is about, and its text, by the names that this door uses."""
    text = str(error)
    argument, separator, rest = text.partition(": ")
    if not separator or " " in argument or isinstance(error, InvalidSetting):
        return None, text
    name = "conversation_id" if argument == "id" and in_path else _HEADERS.get(argument, argument)
    return name, f"{name}: {rest}"


def _how_to_go_on(error: HeadMoved) -> str:
    return (
        f"If-Match: the conversation's head is {error.head} now. Take into account what was added and "
        f'append with If-Match: "{error.head}", or with "on_conflict": "branch"'
    )


def _added(message: Message) -> JsonObject:
    """A message that came meanwhile; a long one as the start of its text."""
    if message.parts_left_behind:
        return {**message_without_content(message), "text": message.text, "cut": True}
    return message_fields(message)


def _problem(problem: dict[str, Any]) -> dict[str, str]:
    place, *steps = problem["loc"]
    name = ".".join(str(step)[:MAX_NAME_CHARS] for step in steps) or str(place)
    if problem["type"] == "missing":
        return {"argument": name, "problem": "is missing"}
    if problem["type"] == "extra_forbidden":
        return {"argument": name, "problem": "is not known here"}
    message: str = problem["msg"]
    return {"argument": name, "problem": message[0].lower() + message[1:]}
