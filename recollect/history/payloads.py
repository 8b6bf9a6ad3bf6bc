"""Messages in whatever shape a caller has them: ours, or a provider's."""

from __future__ import annotations

import re
from typing import Literal, cast, get_args

from recollect.history.formats.detect import detect
from recollect.history.formats.payload import objects
from recollect.history.formats.providers import INCOMING
from recollect.history.formats.rendered import JsonObject
from recollect.history.incoming import FIELDS, message_from_json
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage

PayloadFormat = Literal["auto", "recollect", "openai", "openai_responses", "anthropic", "gemini", "vercel"]
PAYLOAD_FORMATS: tuple[PayloadFormat, ...] = get_args(PayloadFormat)


MOST_ENTRIES = 10_000
MOST_PARTS = 50_000
"""Of a request, in all its messages; no append takes as many."""


def messages_of_request(payload: object, format: PayloadFormat = "auto") -> list[NewMessage]:
    """`messages_from`, which looks at everything one by one: what holds too much is refused before, since
    nobody else is answered meanwhile. Raises: InvalidArgument."""
    lists = _lists(payload)
    most = max(map(len, lists), default=0)
    if most > MOST_ENTRIES:
        raise InvalidArgument("messages", f"holds {most} entries; send at most {MOST_ENTRIES} at once")
    parts = sum(len(inner) for entries in lists for entry in entries for inner in _lists(entry))
    if parts > MOST_PARTS:
        raise InvalidArgument("messages", f"holds {parts} parts; send at most {MOST_PARTS} at once")
    return messages_from(payload, format)


def _lists(value: object) -> list[list[object]]:
    """A list, or those that an object has."""
    if isinstance(value, list):
        return [cast("list[object]", value)]
    fields = cast("dict[str, object]", value).values() if isinstance(value, dict) else ()
    return [cast("list[object]", field) for field in fields if isinstance(field, list)]


def messages_from(
    payload: object, format: PayloadFormat = "auto", argument: str = "messages"
) -> list[NewMessage]:
    """The messages to append that a payload holds.

    payload:   JSON as Python objects: a list of messages or items, or a request's object with the
               list in it (Anthropic's `system` and `messages`, Gemini's `contents`).
    format:    "recollect" is {role, content, author?, metadata?, token_count?, occurred_at?}, whose
               content is a string or parts; the others are providers' (docs/formats.md). "auto"
               looks for what only one of them can have.
    argument:  the name that errors give the payload.

    Raises: InvalidArgument that names the place, such as `messages[2].content[0].type`.
    """
    if format not in PAYLOAD_FORMATS:
        raise InvalidArgument("format", f"must be one of {', '.join(PAYLOAD_FORMATS)}")
    if format == "auto":
        return _guessed(payload, argument)
    if format != "recollect":
        return INCOMING[format](payload, argument)
    if not isinstance(payload, list):
        raise InvalidArgument(argument, 'must be a list such as [{"role": "user", "content": "…"}]')
    return [
        message_from_json(value, f"{argument}[{index}]")
        for index, value in enumerate(cast("list[object]", payload))
    ]


def _guessed(payload: object, argument: str) -> list[NewMessage]:
    """The messages of a payload whose format nobody named. Errors say what it was taken for."""
    found = "recollect" if _is_ours(payload) else detect(payload)
    if found == "recollect":
        return messages_from(payload, found, argument)
    if found == "openai_responses" and not any(map(_is_item, objects(payload))):
        raise InvalidArgument(
            argument, "holds messages of no known format; name the one they have with format"
        )
    try:
        return INCOMING[found](payload, argument)
    except InvalidArgument as error:
        taken = f"{error.problem} (taken for {found}; name another format with format)"
        raise InvalidArgument(error.argument, taken) from error


_ITEM = re.compile(
    r"message|reasoning|additional_tools|item_reference|compaction\w*|configuration_update|program"
    r"|mcp_\w+|\w+_call|\w+_output"
)
"""The types of Responses items, those that will come with other tools included."""


def _is_item(entry: JsonObject) -> bool:
    return "role" in entry or _ITEM.fullmatch(str(entry.get("type"))) is not None


def _is_ours(payload: object) -> bool:
    """Whether nothing but plain words stand in a payload, with fields that our messages have: what
    several formats share is ours, which demands the least."""
    return isinstance(payload, list) and all(map(_is_plain, cast("list[object]", payload)))


def _is_plain(entry: object) -> bool:
    if not isinstance(entry, dict) or not entry.keys() <= FIELDS:
        return False
    content = cast("dict[str, object]", entry).get("content")
    return not isinstance(content, list) or all(
        block.keys() == {"type", "text"} and block["type"] == "text"
        for block in objects(cast("object", content))
    )
