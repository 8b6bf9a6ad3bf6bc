"""Every kind of content that a message may have, made by hypothesis, and how two are compared."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from recollect.models.message import ROLES, Message, NewMessage, Part, Role

EXAMPLES = settings(
    max_examples=10,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)

# hypothesis leaves surrogates out unless they are asked for.
characters = st.characters(exclude_categories=())
_HALVES = ("\ud800", "\udfff", "\ud83d", "\ude00", "\ud83d\ude00", "\ude00\ud83d")
_ENDS = ("\x00", "\ufffd", "\ufffe", "\uffff", "\U0010ffff", "\u2028", "\x7f", "\x1b", "\r\n")
_LOOKS = ("\\u0000", "\\ud800", '"', "'", "\\", "{}", "$1", "%s", "</")
awkward = st.sampled_from((*_HALVES, *_ENDS, *_LOOKS))
texts = st.text(characters, max_size=20) | st.lists(
    st.one_of(awkward, st.text(characters, max_size=3)), max_size=5
).map("".join)

numbers = st.one_of(
    st.integers(),
    st.integers(min_value=2**53 - 2, max_value=2**64 + 2),
    st.integers(min_value=10**300, max_value=10**310),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [0, -1, 0.0, -0.0, 1.0, 5e-324, 1e22, 1e300, 0.1 + 0.2, 2**53 + 1, -(2**63) - 1, 10**4000]
    ),
)

keys = st.one_of(
    texts, st.sampled_from(["", "type", "text", "content", "__proto__", "$ref", "a.b", "0", " "])
)

json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(keys, json_values, max_size=4)

# What a provider adds under names of its own.
extras = st.dictionaries(keys.map(lambda key: f"x{key}"), json_values, max_size=2)


def _merged(extra: dict[str, Any], own: dict[str, Any]) -> Part:
    return {**extra, **own}


def _part(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Part]:
    own = st.fixed_dictionaries({"type": st.just(kind), **fields})
    return st.builds(_merged, extras, own)


simple_parts = st.one_of(
    _part("text", text=texts),
    _part("refusal", text=texts),
    _part("reasoning"),
    _part("reasoning", text=texts | st.none(), encrypted=texts),
    _part("image", url=texts),
    _part("audio", data=texts),
    _part("file", file_id=texts),
    _part("resource", uri=texts),
    _part("tool_call", id=texts, name=texts, arguments=objects | texts),
)
parts = simple_parts | _part(
    "tool_result",
    call_id=texts,
    content=texts | st.lists(simple_parts, max_size=3),
    is_error=st.booleans(),
)
contents = st.booleans().flatmap(lambda plain: texts if plain else st.lists(parts, min_size=1, max_size=3))

new_messages = st.builds(
    NewMessage,
    role=st.sampled_from(ROLES),
    content=contents,
    author=st.none()
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=200),
    metadata=st.none() | objects,
    token_count=st.none() | st.integers(0, 2**31 - 1),
)

batches = st.lists(new_messages, min_size=20, max_size=40)


def deep(levels: int) -> Any:
    """JSON nested that deep: lists and objects in turns, something at the bottom."""
    value: Any = "\x00 bottom"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value


def same(value: object) -> str:
    """What two JSON values have in common exactly if they are equal: 1, 1.0 and true differ, -0.0
    and 0.0 too; the order of an object's names does not matter. A high surrogate that a low one
    follows is one character, as in any JSON text."""
    return json.dumps(json.loads(json.dumps(value)), sort_keys=True)


def written(message: NewMessage) -> str:
    """What was appended, as it must come back."""
    content = message.content
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return same([message.role, parts, message.author, message.metadata or {}])


def read(message: Message) -> str:
    return same([message.role, message.parts, message.author, message.metadata])


def read_json(message: dict[str, Any]) -> str:
    """The same of a message in an exact answer of the MCP server."""
    content: str | list[Part] = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return same([message["role"], parts, message.get("author"), message.get("metadata", {})])


def as_json(message: NewMessage) -> dict[str, Any]:
    """The message as a tool takes it."""
    fields: dict[str, Any] = {
        "role": message.role,
        "content": message.content,
        "author": message.author,
        "metadata": message.metadata,
        "token_count": message.token_count,
    }
    return {name: value for name, value in fields.items() if value is not None}


def storable(message: NewMessage) -> bool:
    """Whether any JSON encoder writes it: no half of a surrogate pair stands alone."""
    text = json.dumps([message.content, message.metadata], ensure_ascii=False)
    return not any("\ud800" <= char <= "\udfff" for char in text)


def every_code_point() -> list[NewMessage]:
    """All 1,114,112 code points, 16,384 to a message. The halves of the surrogates stand apart, so
    that none follows another that would make a pair with it."""
    size = 0x4000
    starts = [start for start in range(0, 0x110000, size) if start != 0xC000]
    runs = [range(start, start + size) for start in starts]
    runs += [range(0xC000, 0xDC00), range(0xDC00, 0x10000)]
    role: Role = "user"
    return [NewMessage(role, "".join(map(chr, run))) for run in runs]
