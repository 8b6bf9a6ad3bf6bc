"""The parts of a message: what each type must carry, and what a person reads of them.

    text         text
    reasoning    text (optional: a provider may give only an encrypted form)
    tool_call    id, name, arguments (a JSON object, or the string that the provider sent)
    tool_result  call_id, content (a string or a list of parts), is_error (optional)
    image, audio, file   as the provider gave them: url, data (base64) or file_id
    resource     uri
    refusal      text
    other        format, value: a block or item that only this provider's format has, as it was

Fields that renderers know besides: `signature`, `encrypted` and `provider` on reasoning and Gemini's
calls (who can read them), `name` on results and files, `media_type`, `provider` beside a file_id (who
holds it),
`kind` on calls and results that are no plain function's, `native` (what a provider sent beyond
the part; see docs/formats.md).

Every part may carry any further JSON field; all of it comes back exactly.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

from recollect.models.errors import InvalidArgument
from recollect.models.message import Part

MAX_JSON_DEPTH = 100
"""Deepest nesting of arrays and objects. JSON parsers on the way (jiter: 200) refuse little more."""

REQUIRED: dict[str, tuple[tuple[str, type | tuple[type, ...]], ...]] = {
    "text": (("text", str),),
    "reasoning": (),
    "tool_call": (("id", str), ("name", str), ("arguments", (dict, str))),
    "tool_result": (("call_id", str), ("content", (str, list))),
    "image": (),
    "audio": (),
    "file": (),
    "resource": (("uri", str),),
    "refusal": (("text", str),),
    "other": (("format", str), ("value", dict)),
}
"""The fields that each type of part must have, and their JSON types."""

_TYPE_NAMES: dict[type, str] = {str: "a string", dict: "an object", list: "a list"}

# PostgreSQL's text holds neither NUL nor surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def readable(text: str) -> str:
    """`text` as PostgreSQL can store it: NUL and lone surrogates become U+FFFD."""
    return text if storable(text) else _UNSTORABLE.sub("\ufffd", join_pairs(text))


def storable(text: str) -> bool:
    """Whether PostgreSQL can store `text` exactly."""
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False


def check_storable(argument: str, value: str) -> None:
    """Refuse text that a text column cannot hold exactly.

    Raises: InvalidArgument.
    """
    if not storable(value):
        raise InvalidArgument(
            argument, "contains U+0000 or a lone surrogate, which this field cannot hold; remove it"
        )


def check_storable_json(argument: str, value: object) -> None:
    """Refuse JSON that a jsonb column cannot hold: NUL and lone surrogates in its strings."""
    if isinstance(value, str):
        check_storable(argument, value)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            check_storable(argument, key)
            check_storable_json(argument, item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            check_storable_json(argument, item)


def dump_json(argument: str, value: object) -> str:
    """`value` as compact ASCII JSON that gives an equal value back.

    Raises: InvalidArgument for what JSON cannot carry: NaN, keys that are no strings, other
    Python types, nesting deeper than `MAX_JSON_DEPTH`.
    """
    check_json(argument, value)
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError as error:  # an integer of more digits than Python converts
        raise InvalidArgument(argument, "holds a number with too many digits; send it as a string") from error


SDK_OBJECT = 'model_dump(mode="json", exclude_unset=True)'
"""What makes JSON of an object of a provider's SDK, just as it was sent."""


def check_json(argument: str, value: object, depth: int = 0) -> None:
    """Refuse what `dump_json` refuses, but for the length of numbers. Raises: InvalidArgument."""
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidArgument(
                argument, "holds NaN or an infinity, which JSON has not; send null or a string"
            )
        return
    if depth == MAX_JSON_DEPTH:
        raise InvalidArgument(
            argument, f"is nested deeper than {MAX_JSON_DEPTH} levels; flatten it or send it as text"
        )
    if isinstance(value, dict):
        for key, item in cast("dict[object, object]", value).items():
            if not isinstance(key, str):
                raise InvalidArgument(argument, "has a key that is not a string")
            check_json(argument, item, depth + 1)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            check_json(argument, item, depth + 1)
    else:
        step = "; pass what its " + SDK_OBJECT + " gives" if hasattr(value, "model_dump") else ""
        raise InvalidArgument(argument, f"holds a Python {type(value).__name__}, which JSON has not{step}")


def check_parts(argument: str, parts: object) -> list[Part]:
    """Refuse anything that is not a list of well-formed parts.

    Raises: InvalidArgument that names the part and the field, such as `content[2].name`.
    """
    if not isinstance(parts, list) or not parts:
        raise InvalidArgument(argument, "must be a string or a list with at least one part")
    for index, part in enumerate(cast("list[object]", parts)):
        where = f"{argument}[{index}]"
        if not isinstance(part, dict):
            raise InvalidArgument(
                where, 'must be an object with a "type", such as {"type": "text", "text": "…"}'
            )
        fields = cast("dict[str, object]", part)
        kind = fields.get("type")
        required = REQUIRED.get(kind) if isinstance(kind, str) else None
        if required is None:
            raise InvalidArgument(f"{where}.type", f"must be one of {', '.join(REQUIRED)}")
        for name, types in required:
            if not isinstance(fields.get(name), types):
                wanted = " or ".join(
                    _TYPE_NAMES[t] for t in (types if isinstance(types, tuple) else (types,))
                )
                raise InvalidArgument(f"{where}.{name}", f"must be {wanted} (a {kind} part needs it)")
        if (
            kind == "tool_result"
            and fields["content"] not in ("", [])
            and not isinstance(fields["content"], str)
        ):
            check_parts(f"{where}.content", fields["content"])
    return cast("list[Part]", parts)


def part_text(part: Part) -> str:
    """What a person reads of one part; empty for parts without words."""
    kind = part["type"]
    if kind in ("text", "refusal"):
        return part["text"]
    if kind == "tool_result":
        content: str | list[Part] = part["content"]
        return content if isinstance(content, str) else "\n".join(filter(None, map(part_text, content)))
    return ""


def join_pairs(text: str) -> str:
    """A high and a low surrogate side by side are one character, as they are in JSON."""
    return _SURROGATE_PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def split_content(argument: str, content: str | list[Part]) -> tuple[str, str | None]:
    """The columns `text` and `parts` for one message's content.

    A message of one plain text has no parts. Otherwise parts are exact JSON, in which the one
    text that equals the readable text is left out, so that it is not stored twice;
    `Message.parts` puts it back.
    """
    if isinstance(content, str):
        content = join_pairs(content)
        if storable(content):
            return content, None
        content = [{"type": "text", "text": content}]
    check_json(argument, content)
    parts = check_parts(argument, content)
    texts = [text for text in map(part_text, parts) if text]
    text = readable("\n\n".join(texts))
    if len(parts) == 1 and parts[0] == {"type": "text", "text": text}:
        return text, None
    if len(texts) == 1 and texts[0] == text:
        parts = [_without_text(part, text) for part in parts]
    return text, dump_json(argument, parts)


def _without_text(part: Part, text: str) -> dict[str, Any]:
    field = {"text": "text", "refusal": "text", "tool_result": "content"}.get(part["type"])
    if field is None or part[field] != text:
        return part
    return {name: value for name, value in part.items() if name != field}
