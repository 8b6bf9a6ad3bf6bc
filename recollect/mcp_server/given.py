"""Arguments that arrive as JSON values, or as strings of JSON.

Models often send an object or a list as a string. A string also is the one channel through
which a lone surrogate (written as an escape) reaches us over every transport, since JSON
parsers on the way refuse it in the request itself.
"""

from __future__ import annotations

import json
from typing import Any, cast

from recollect.history.incoming import message_from_json
from recollect.history.payloads import PayloadFormat, messages_of_request
from recollect.models.errors import InvalidArgument
from recollect.models.json_values import MAX_VALUES, too_many_values
from recollect.models.message import NewMessage


def json_object(argument: str, value: object) -> dict[str, Any]:
    """A JSON object, also one written as a string. Raises: InvalidArgument."""
    parsed = _parsed(argument, value)
    if not isinstance(parsed, dict):
        raise InvalidArgument(argument, 'must be a JSON object such as {"project": "porto"}')
    return cast("dict[str, Any]", parsed)


def new_message(fields: dict[str, Any]) -> NewMessage:
    """The message of a call that names its fields directly. A string is the text itself, whatever
    it looks like. Raises: InvalidArgument that names the field."""
    try:
        return message_from_json(fields, "message")
    except InvalidArgument as error:
        raise InvalidArgument(error.argument.removeprefix("message."), error.problem) from error


def new_messages(value: object, format: PayloadFormat = "auto") -> list[NewMessage]:
    """The messages of a call; the list or its elements may be strings of JSON. Raises: InvalidArgument."""
    parsed = _parsed("messages", value)
    if isinstance(parsed, list):
        elements = cast("list[object]", parsed)
        _refuse_too_many("messages", ",".join(one for one in elements if isinstance(one, str)))
        parsed = [_parsed(f"messages[{index}]", element) for index, element in enumerate(elements)]
    return messages_of_request(parsed, format)


def _parsed(argument: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    _refuse_too_many(argument, value)
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(argument, "is a string that is not valid JSON; send the JSON itself") from error


def _refuse_too_many(argument: str, text: str) -> None:
    """Values that stand within strings nobody has counted yet. Raises: InvalidArgument."""
    if too_many_values(text.encode("utf-8", "surrogatepass")):
        raise InvalidArgument(argument, f"holds more than {MAX_VALUES} JSON values; send less at once")
