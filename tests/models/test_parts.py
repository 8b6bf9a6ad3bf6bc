from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.models.errors import InvalidArgument
from recollect.models.message import Message, Part
from recollect.models.parts import MAX_JSON_DEPTH, dump_json, join_pairs, split_content, storable

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40).map(join_pairs)
"""Every code point there is, NUL and lone surrogates among them."""

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(ANY_TEXT, JSON, max_size=3)


def part(kind: str, fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Part]:
    known = st.fixed_dictionaries({"type": st.just(kind), **fields})
    extra = OBJECT.map(lambda fields: {f"x-{name}": value for name, value in fields.items()})
    return st.tuples(extra, known).map(lambda both: {**both[0], **both[1]})


SIMPLE = (
    part("text", {"text": ANY_TEXT})
    | part("refusal", {"text": ANY_TEXT})
    | part("reasoning", {"text": ANY_TEXT})
    | part("tool_call", {"id": ANY_TEXT, "name": ANY_TEXT, "arguments": ANY_TEXT | OBJECT})
    | part("image", {"url": ANY_TEXT})
    | part("resource", {"uri": ANY_TEXT})
)
PARTS = st.lists(
    SIMPLE | part("tool_result", {"call_id": ANY_TEXT, "content": ANY_TEXT | st.lists(SIMPLE, max_size=3)}),
    min_size=1,
    max_size=4,
)


def stored(content: str | list[Part]) -> Message:
    """The message as it comes back when `content` was appended."""
    text, parts = split_content("content", content)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Message(1, 0, "user", None, text, parts, 0, None, None, now, None)


@given(ANY_TEXT)
def test_any_text_comes_back_equal(text: str) -> None:
    message = stored(text)
    assert storable(message.text)
    assert message.parts == [{"type": "text", "text": text}]


@given(PARTS)
def test_any_parts_come_back_equal_with_all_their_fields(parts: list[Part]) -> None:
    message = stored(json.loads(json.dumps(parts)))
    assert message.parts == json.loads(json.dumps(parts))
    assert storable(message.text)


@given(JSON)
def test_any_json_value_is_dumped_to_ascii_that_gives_it_back(value: object) -> None:
    dumped = dump_json("value", value)
    assert dumped.isascii()
    assert json.loads(dumped) == value


def test_the_text_of_a_large_tool_result_is_stored_once() -> None:
    output = "line\n" * 10_000
    message = stored([{"type": "tool_result", "call_id": "call_1", "content": output}])
    assert message.text == output
    assert len(message.stored_parts or "") < 100
    assert message.parts[0]["content"] == output


def test_a_plain_text_part_stores_no_parts() -> None:
    assert stored([{"type": "text", "text": "hello"}]).stored_parts is None


def test_a_text_part_with_a_field_of_its_provider_keeps_that_field() -> None:
    part = {"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}
    assert stored([part]).parts == [part]


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_json_up_to_the_stated_depth_is_accepted_and_deeper_is_refused() -> None:
    assert json.loads(dump_json("value", nested(MAX_JSON_DEPTH))) == nested(MAX_JSON_DEPTH)
    with pytest.raises(InvalidArgument, match="deeper than 100 levels"):
        dump_json("value", nested(MAX_JSON_DEPTH + 1))
    with pytest.raises(InvalidArgument, match="deeper than"):
        split_content(
            "content", [{"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": nested(5_000)}}]
        )


REFUSED: list[tuple[Any, str]] = [
    ([], "content: must be a string or a list"),
    (None, "content: must be a string or a list"),
    (["hi"], r"content\[0\]: must be an object"),
    ([{"text": "hi"}], r"content\[0\]\.type: must be one of text, reasoning"),
    ([{"type": ["text"]}], r"content\[0\]\.type"),
    ([{"type": "text"}], r"content\[0\]\.text: must be a string"),
    (
        [{"type": "text", "text": "a"}, {"type": "tool_call", "id": "1", "name": 3, "arguments": {}}],
        r"content\[1\]\.name",
    ),
    (
        [{"type": "tool_call", "id": "1", "name": "f", "arguments": 3}],
        "arguments: must be an object or a string",
    ),
    ([{"type": "tool_result", "call_id": "1"}], r"content\[0\]\.content: must be a string or a list"),
    ([{"type": "tool_result", "call_id": "1", "content": [{}]}], r"content\[0\]\.content\[0\]\.type"),
    ([{"type": "image", "size": float("nan")}], "NaN"),
    ([{"type": "image", "size": {1: 2}}], "key that is not a string"),
    ([{"type": "image", "size": (1, 2)}], "Python tuple"),
    ([{"type": "image", "size": 10**5000}], "too many digits"),
]


@pytest.mark.parametrize(("content", "problem"), REFUSED)
def test_malformed_content_is_refused_with_the_name_of_the_field(content: Any, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        split_content("content", content)
