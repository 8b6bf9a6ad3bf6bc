from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.history.cut import LEAST_TOKENS, cut, least_tokens
from recollect.history.formats import anthropic, gemini
from recollect.history.tokens import estimate_message
from recollect.models.message import Message, Part
from tests.history.test_window import message

PROSE = "The ferry leaves at ten past six, so be at the quay by half past five. " * 400
ROWS = '{"id": 4711, "name": "käse", "price": 3.50}\n' * 600

words = st.sampled_from([PROSE, ROWS, "漢字かな交じり文" * 900, "short", "🙂" * 2_000, "a" * 40_000])
part: st.SearchStrategy[Part] = st.one_of(
    words.map(lambda text: {"type": "text", "text": text}),
    words.map(lambda text: {"type": "tool_result", "call_id": "a", "content": text}),
    words.map(
        lambda text: {"type": "tool_result", "call_id": "b", "content": [{"type": "text", "text": text}]}
    ),
    words.map(lambda text: {"type": "tool_call", "id": "a", "name": "write", "arguments": {"body": text}}),
    words.map(lambda text: {"type": "reasoning", "text": text}),
    st.just({"type": "image", "data": "iVBORw0KGgo" * 99, "media_type": "image/png"}),
)


def tokens(shown: Message) -> int:
    parts = None if shown.stored_parts is None else shown.parts
    return estimate_message(shown.text, parts)


@given(st.lists(part, min_size=1, max_size=5), st.integers(LEAST_TOKENS, 3_000))
def test_what_is_cut_takes_no_more_than_its_share(parts: list[Part], share: int) -> None:
    whole = message(1, "assistant", parts)
    share = max(share, least_tokens(whole))
    if whole.token_count <= share:
        return
    shown = cut(whole, share)
    assert tokens(shown) <= share
    kinds = [part["type"] for part in whole.parts if part["type"] in ("tool_call", "tool_result")]
    assert [part["type"] for part in shown.parts if part["type"] in ("tool_call", "tool_result")] == kinds


@given(st.lists(part, min_size=1, max_size=4))
def test_every_note_names_the_place_where_reading_goes_on(parts: list[Part]) -> None:
    whole = message(7, "assistant", parts)
    shown = cut(whole, max(900, least_tokens(whole)))
    for part in shown.parts:
        text = part.get("text", part.get("content"))
        for found in re.finditer(
            r"… \(cut: (\d+) more characters; read_message seq=7 offset=(\d+) has", str(text)
        ):
            left, offset = int(found[1]), int(found[2])
            kept = str(text)[: found.start()]
            assert whole.text[offset - len(kept) : offset] == kept
            assert whole.text[offset : offset + left] != ""


def test_small_parts_stay_whole_beside_a_large_one() -> None:
    parts = [
        {"type": "text", "text": "Before."},
        {"type": "text", "text": PROSE},
        {"type": "text", "text": "After."},
    ]
    shown = cut(message(1, "user", parts), 300).parts
    assert [part["text"] for part in (shown[0], shown[2])] == ["Before.", "After."]
    assert shown[1]["text"].startswith("The ferry leaves")
    assert "more characters; read_message seq=1 offset=" in shown[1]["text"]


def test_one_text_of_which_only_the_start_was_read_counts_its_rest() -> None:
    """As `window_v2` gives it: the start, and the number of all characters."""
    whole = message(3, "user", PROSE)
    start = whole._replace(text=PROSE[:3_000], stored_metadata=str(len(PROSE)))
    shown = cut(start, 200).text
    found = re.search(r"cut: (\d+) more characters; read_message seq=3 offset=(\d+)", shown)
    assert found is not None
    assert int(found[1]) + int(found[2]) == len(PROSE)
    assert cut(whole, 200).text == shown


def test_a_short_text_beside_a_large_image_stays_as_it_is() -> None:
    """As `window_v2` gives it: the number of all characters says that nothing of the text is lacking."""
    image = {"type": "image", "data": "iVBORw0KGgo" * 99, "media_type": "image/png"}
    whole = message(3, "user", [{"type": "text", "text": "See this."}, image])
    words, note = cut(whole._replace(stored_metadata=str(len(whole.text))), 200).parts
    assert words == {"type": "text", "text": "See this."}
    assert note["text"] == "(image image/png, not shown; read_message seq=3 format=json has it)"


def test_a_result_that_lacks_but_an_image_says_where_that_is() -> None:
    content = [{"type": "text", "text": "Here it is."}, {"type": "image", "file_id": "x"}]
    (shown,) = cut(
        message(3, "tool", [{"type": "tool_result", "call_id": "a", "content": content}]), 200
    ).parts
    assert shown["content"] == "Here it is.… (cut: read_message seq=3 format=json has it)"


def test_the_arguments_of_a_call_stay_an_object() -> None:
    parts = [{"type": "tool_call", "id": "a", "name": "write", "arguments": json.dumps({"body": PROSE})}]
    (call,) = cut(message(1, "assistant", parts), 200).parts
    assert (call["id"], call["name"]) == ("a", "write")
    assert call["arguments"]["cut"].startswith('{"body": "The ferry')
    assert "read_message seq=1 format=json has it" in call["arguments"]["cut"]


@pytest.mark.parametrize(
    "media", [{"url": "https://example.org/a.png"}, {"data": "AAAA", "media_type": "image/png"}]
)
def test_an_image_larger_than_its_share_becomes_a_reference(media: dict[str, Any]) -> None:
    whole = message(1, "user", [{"type": "text", "text": "What is this?"}, {"type": "image", **media}])
    shown = cut(whole, 200).parts
    assert [part["type"] for part in shown] == ["text", "text"]
    assert "not shown; read_message seq=1 format=json has it" in shown[1]["text"]
    assert cut(whole, whole.token_count).parts == whole.parts


def test_what_a_caller_counted_for_a_file_makes_it_a_reference() -> None:
    parts = [
        {"type": "text", "text": "Read it."},
        {"type": "file", "file_id": "f", "provider": "openai", "name": "a.pdf"},
    ]
    whole = message(1, "user", parts)._replace(token_count=50_000)
    shown = cut(whole, 1_000).parts
    assert shown[0]["text"] == "Read it."
    assert shown[1]["text"] == "(file a.pdf, not shown; read_message seq=1 format=json has it)"


def test_a_message_of_reasoning_alone_becomes_a_reference() -> None:
    whole = message(1, "assistant", [{"type": "reasoning", "text": PROSE}])
    (shown,) = cut(whole, 200).parts
    assert shown["text"] == "(reasoning, not shown; read_message seq=1 format=json has it)"


def test_openais_reasoning_stays_in_its_sealed_form() -> None:
    sealed = {"type": "reasoning", "text": PROSE, "id": "rs_1", "encrypted": "gAA", "provider": "openai"}
    whole = message(1, "assistant", [sealed, {"type": "text", "text": "So."}])
    assert cut(whole, 200).parts[0] == {name: sealed[name] for name in sealed if name != "text"}


def test_anthropics_thinking_stays_in_its_sealed_form() -> None:
    """Its API wants a turn that calls a tool to begin with the thinking that led to the call, and reads that
    from the signature."""
    thinking = {"type": "thinking", "thinking": PROSE, "signature": "EqQ="}
    call: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    (asked,) = anthropic.incoming([{"role": "assistant", "content": [thinking, call]}])
    shown = cut(message(1, "assistant", asked.content), 200)
    (rendered,) = anthropic.outgoing([shown, message(2, "tool", "ok")]).messages[1:2]
    assert rendered["content"] == [{**thinking, "thinking": ""}, call]


def test_geminis_signature_of_a_call_stays_when_the_call_is_cut() -> None:
    """Its API refuses a call of the turn that goes on without it."""
    write: dict[str, Any] = {"functionCall": {"name": "write", "args": {"body": PROSE}}}
    look: dict[str, Any] = {"function_call": {"name": "look", "args": {}}}
    thought = {"text": PROSE, "thought": True}
    for parts in (
        [thought, write | {"thoughtSignature": "CtsB"}],
        [look | {"thought_signature": "CtsB"}, thought],
    ):
        (asked,) = gemini.incoming([{"role": "model", "parts": parts}])
        shown = cut(message(1, "assistant", asked.content), 200)
        (rendered,) = gemini.outgoing([message(0, "user", "Do."), shown]).messages[1]["parts"]
        assert rendered["thoughtSignature"] == "CtsB"
        assert rendered["functionCall"]["name"] == ("write" if thought is parts[0] else "look")


def test_a_reference_with_a_long_name_takes_no_more_than_its_note() -> None:
    named = {"type": "file", "data": "AAAA", "name": "🙂" * 500}
    whole = message(1, "user", [{"type": "text", "text": "Look."}, named])
    assert tokens(cut(whole, 100)) <= 100


def test_cutting_is_the_same_every_time() -> None:
    whole = message(1, "user", [{"type": "text", "text": PROSE}, {"type": "text", "text": ROWS}])
    assert cut(whole, 500) == cut(whole, 500)
