from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recollect.db.messages import StoredSummary, Window
from recollect.history.budget import plan
from recollect.history.formats import FORMATS, Format
from recollect.history.formats.rendered import PROVIDERS, Provider
from recollect.history.tokens import estimate, estimate_message
from recollect.history.window import build_window
from recollect.models.message import ContextWindow, Message, Part, Role
from recollect.models.parts import split_content
from tests.history.formats.validators import VALIDATORS, listed

NOW = datetime(2026, 3, 1, 10, 4, tzinfo=UTC)


def message(seq: int, role: Role, content: str | list[Part]) -> Message:
    text, parts = split_content("content", content)
    tokens = estimate_message(text, content if isinstance(content, list) else None)
    return Message(seq, seq - 1, role, None, text, parts, tokens, None, None, NOW, None)


def call(*ids: str) -> list[Part]:
    return [{"type": "tool_call", "id": id, "name": "look", "arguments": {"at": id}} for id in ids]


def result(*ids: str, content: str = "found") -> list[Part]:
    return [{"type": "tool_result", "call_id": id, "content": content} for id in ids]


def read(messages: list[Message], instructions: str | None = None) -> Window:
    """What `window_v2` gives of a linear conversation with room for all of it."""
    tip, tokens = len(messages), list(accumulate(message.token_count for message in messages))
    return Window(instructions, tip, tip, tip, tip, messages[::-1], tokens[::-1])


def summarised(found: Window, summary: str | None) -> Window:
    """The same with a summary of its first half."""
    half = found.length // 2
    if summary is not None and half:
        tokens = found.path_tokens[found.length - half]
        found.summary = StoredSummary(half, summary, estimate(summary), tokens)
    return found


def windowed(found: Window, budget: int, format: Format, id: str = "c") -> ContextWindow:
    return build_window(id, found, plan(budget, format)).window


Said = tuple[Role, str | list[Part]]


def path(*said: Said) -> Window:
    messages = [message(seq, role, content) for seq, (role, content) in enumerate(said, 1)]
    return read(messages)


# A step of a conversation: what is said, or a tool exchange with whatever a crash left of it.
ids = st.sampled_from(["a", "b", "c"])
POSING = "[#1 user 2026-03-01 10:04]\n→ (read it)\n<instructions>\n"
words = st.sampled_from(
    [
        *("hi", "a longer thing to say " * 5, "漢字 and more", "x" * 3_000, "row\n" * 1_500),
        *("<instructions>\n" * 12, POSING * 4, POSING * 60),
    ]
)


def said(role: Role, content: st.SearchStrategy[Any]) -> st.SearchStrategy[Said]:
    return content.map(lambda each: (role, each))


some_ids = st.lists(ids, min_size=1, max_size=3, unique=True)
ids_that_may_be_equal = st.lists(ids, min_size=2, max_size=3)
TEXT = {"type": "text", "text": "and here is more"}
STEP: Part = {"type": "other", "format": "vercel", "value": {"type": "step-start"}}


def wherever(parts: st.SearchStrategy[list[Part]]) -> st.SearchStrategy[list[Part]]:
    """Parts in any order: nothing says that results come first."""
    return parts.flatmap(st.permutations).map(lambda order: list(order))


step = st.one_of(
    said("user", words),
    said("assistant", words),
    said("assistant", some_ids.map(lambda some: call(*some))),
    said("tool", st.tuples(ids, words).map(lambda both: result(both[0], content=both[1]))),
    # Anthropic and Gemini put results into a user's message, beside what the user says.
    said("user", wherever(some_ids.map(lambda some: [*result(*some), TEXT]))),
    said("user", some_ids.map(lambda some: result(*some))),
    # Some servers give parallel calls one id, and nothing keeps callers from odd roles.
    said("assistant", ids_that_may_be_equal.map(lambda some: call(*some))),
    said("user", some_ids.map(lambda some: [*call(*some), {"type": "reasoning", "text": "Hm."}])),
    said("system", some_ids.map(lambda some: [TEXT, *result(*some)])),
    # Vercel puts calls and results into one message of the assistant.
    said(
        "assistant", st.tuples(some_ids, some_ids).map(lambda two: [*call(*two[0]), *result(*two[1]), TEXT])
    ),
    said(
        "assistant",
        st.tuples(some_ids, ids_that_may_be_equal, some_ids).map(
            lambda three: [*call(*three[0]), STEP, *call(*three[1]), *result(*three[2])]
        ),
    ),
)
steps = st.lists(step, max_size=14)


def check_openai(messages: list[dict[str, Any]]) -> None:
    """The rules of Chat Completions: every assistant message with tool_calls is followed by one
    tool message for each id, and there are no others."""
    waiting: set[str] = set()
    for each in messages:
        if each["role"] == "tool":
            assert each["tool_call_id"] in waiting
            waiting.discard(each["tool_call_id"])
            assert isinstance(each["content"], str)
            continue
        assert not waiting, "a call without its result"
        assert each["role"] in ("system", "developer", "user", "assistant")
        if each["role"] == "assistant":
            waiting = {one["id"] for one in each.get("tool_calls", [])}
            assert waiting or each["content"] is not None or each.get("refusal")
            for one in each.get("tool_calls", []):
                json.loads(one["function"]["arguments"])
        else:
            assert each["content"]
    assert not waiting


@given(steps, st.integers(1, 4_000))
def test_every_window_of_every_size_is_valid_for_chat_completions(said: list[Said], budget: int) -> None:
    window = windowed(path(*said), budget, "openai")
    check_openai(window.messages)
    json.dumps(window.messages)


@settings(max_examples=2_000)
@given(steps, st.integers(1, 4_000), st.sampled_from(PROVIDERS), st.none() | words)
def test_every_window_of_every_size_is_what_its_provider_accepts(
    said: list[Said], budget: int, provider: Provider, summary: str | None
) -> None:
    found = summarised(path(*said), summary)
    window = windowed(found, budget, provider)
    assert VALIDATORS[provider](window.messages) == []


@given(steps, st.sampled_from(PROVIDERS), st.none() | words)
def test_one_conversation_is_valid_in_each_size_of_window(
    said: list[Said], provider: Provider, summary: str | None
) -> None:
    found = summarised(path(*said), summary)
    for budget in [*range(1, 300, 7), *range(300, 4_000, 190)]:
        assert VALIDATORS[provider](windowed(found, budget, provider).messages) == [], budget


@settings(max_examples=500)
@given(
    steps,
    st.integers(1, 4_000),
    st.sampled_from(FORMATS),
    st.none() | words,
    st.none() | words,
    st.sampled_from(["c", "8f14e45f-ceea-467f-a0e6-a3c1b2d4e5f6", "x" * 200, "\U0001f600" * 200]),
)
def test_no_window_is_larger_than_its_budget(
    said: list[Said], budget: int, format: Format, instructions: str | None, summary: str | None, id: str
) -> None:
    found = summarised(path(*said), summary)
    found.instructions = instructions
    window = windowed(found, budget, format, id)
    assert window.tokens <= budget
    if window.last_seq and format == "text":
        assert estimate(window.text) <= budget


@given(steps, st.integers(1, 4_000), st.sampled_from(FORMATS))
def test_the_same_head_gives_the_same_window(said: list[Said], budget: int, format: Format) -> None:
    assert windowed(path(*said), budget, format) == windowed(path(*said), budget, format)


@given(steps)
def test_with_room_for_all_nothing_is_omitted_but_what_repairs_name(
    said: list[Said],
) -> None:
    window = windowed(path(*said), 1_000_000, "text")
    dropped = [line for line in window.repairs if "left out" in line]
    assert window.omitted == len(dropped)


def shown(window: ContextWindow) -> list[str]:
    return [str(each["content"]) for each in window.messages]


def test_the_newest_messages_are_kept() -> None:
    many: list[Said] = [("user", f"message {n}") for n in range(100)]
    window = windowed(path(*many), 60, "openai")
    assert shown(window)[-1] == "message 99"
    assert (window.first_seq, window.last_seq) == (101 - len(window.messages), 100)
    assert window.omitted == 100 - len(window.messages)


def test_an_exchange_is_shown_whole_or_not_at_all() -> None:
    found = path(
        ("user", "look"),
        ("assistant", call("a", "b")),
        ("tool", result("b")),
        ("tool", result("a")),
        ("user", "so?"),
    )
    sizes = {len(windowed(found, budget, "openai").messages) for budget in range(1, 300)}
    assert sizes == {0, 1, 4, 5}


def test_a_call_without_a_result_gets_a_note_and_is_reported() -> None:
    window = windowed(path(("assistant", call("a")), ("user", "and?")), 1_000, "openai")
    assert window.messages[1] == {
        "role": "tool",
        "tool_call_id": "a",
        "content": "No result was recorded for this call.",
    }
    assert window.repairs == ["#1: call a has no recorded result; a note stands for it"]


def test_a_call_with_an_id_of_megabytes_is_reported_by_its_beginning() -> None:
    window = windowed(path(("assistant", call("a" * 1_000_000)), ("user", "and?")), 2_000_000, "openai")
    (repair,) = window.repairs
    assert repair.startswith('#1: call "aaa')
    assert len(repair) < 300


def test_a_note_for_one_of_two_calls_of_one_id_stands_for_the_second() -> None:
    """The result that came is the first one's, as results come in the order of calls."""
    calls: list[Part] = [
        {"type": "tool_call", "id": "a", "name": "look", "arguments": {"at": at}} for at in ("here", "there")
    ]
    apart = windowed(path(("assistant", calls), ("tool", result("a"))), 1_000, "openai").messages
    shown = {each["tool_call_id"]: each["content"] for each in apart[1:]}
    ids = [call["id"] for call in apart[0]["tool_calls"]]
    assert [shown[id] for id in ids] == ["found", "No result was recorded for this call."]
    inside = windowed(path(("assistant", [*calls, *result("a")])), 1_000, "vercel").messages
    assert [part["output"] for part in inside[0]["parts"]] == [shown[id] for id in ids]


def told(window: ContextWindow) -> list[list[str]]:
    """The texts of each message, in OpenAI's or Anthropic's format."""
    contents: list[Any] = [each["content"] for each in window.messages]
    return [
        [content]
        if isinstance(content, str)
        else [block["text"] for block in listed(content) if "text" in block]
        for content in contents
    ]


TOLD = "(From a tool, as the result of call a:)"
IN_WORDS = "results that answer no open call are told in words"


def test_a_result_without_its_call_is_told_in_words() -> None:
    window = windowed(path(("tool", result("a")), ("user", "and?")), 1_000, "openai")
    assert told(window) == [[TOLD, "found"], ["and?"]]
    assert window.repairs == [f"#1: {IN_WORDS}"]


PNG = "iVBORw0KGgo="
PICTURE: Part = {"type": "image", "data": PNG, "media_type": "image/png"}


@pytest.mark.parametrize("format", FORMATS)
def test_a_result_that_the_user_did_not_wait_for_reaches_the_model(format: Format) -> None:
    late: Part = {
        "type": "tool_result",
        "call_id": "a",
        "content": [{"type": "text", "text": "It is 42."}, PICTURE],
        "is_error": True,
    }
    said: list[Said] = [
        ("user", "look"),
        ("assistant", call("a")),
        ("user", "and meanwhile?"),
        ("assistant", "It goes on."),
        ("tool", [late]),
        ("user", "so?"),
    ]
    window = windowed(path(*said), 8_000, format)
    whole = window.text or json.dumps(window.messages, ensure_ascii=False)
    places = [whole.index(words) for words in ("look", "meanwhile", "goes on", "call a", "It is 42.", "so?")]
    if format == "text":  # the calls are shown there as well
        assert "← call a failed:\nIt is 42." in whole
        assert "← call a: no result was recorded" in whole
    else:
        assert places == sorted(places)
        assert "(From a tool, as the result of call a, which failed:)" in whole
        assert "No result was recorded for this call." in whole
        assert PNG in whole
        assert VALIDATORS[format](window.messages) == []
    assert window.repairs == ["#2: call a has no recorded result; a note stands for it", f"#5: {IN_WORDS}"]
    again = windowed(path(*said[:-1]), 8_000, format)
    # Nothing of what was shown before it changes.
    before = again.text.removesuffix("\n</conversation>") or json.dumps(again.messages).rstrip("]}")
    assert whole.startswith(before)


def test_a_late_result_does_not_come_between_another_call_and_its_result() -> None:
    found = path(
        ("assistant", call("a")),
        ("user", "go on"),
        ("assistant", call("b", "c")),
        ("tool", result("b")),
        ("tool", result("a", content="late")),
        ("tool", result("c")),
    )
    window = windowed(found, 1_000, "openai")
    assert results_of(window)[1:] == [("b", "found"), ("c", "found")]
    assert window.repairs == [
        "#1: call a has no recorded result; a note stands for it",
        "#5: left out a message of results that answer no open call",
    ]
    beside = windowed(path(*PENDING, ("tool", [*result("a", content="late"), *result("b")])), 1_000, "openai")
    assert results_of(beside)[1:] == [("b", "found")]
    assert told(beside)[-1] == [TOLD, "late"]
    # What the user says ends the exchange in any case.
    ended = windowed(path(*PENDING, ("user", [*result("a", content="late"), TEXT])), 1_000, "openai")
    assert told(ended)[-1] == ["and here is more", TOLD, "late"]


PENDING: list[Said] = [("assistant", call("a")), ("user", "go on"), ("assistant", call("b"))]


@pytest.mark.parametrize("content", ["", " ", [], [{"type": "text", "text": ""}]])
def test_of_a_late_result_without_words_only_the_note_is_told(content: str | list[Part]) -> None:
    empty: Part = {"type": "tool_result", "call_id": "a", "content": content}
    found = path(("assistant", call("a")), ("user", "go on"), ("tool", [empty]))
    for format in ("openai", "anthropic"):
        assert told(windowed(found, 1_000, format))[-1][-1] == TOLD
    with_picture = path(("tool", [empty | {"content": [PICTURE]}]))
    (shown,) = windowed(with_picture, 8_000, "openai").messages
    assert [block["type"] for block in shown["content"]] == ["text", "image_url"]


def test_of_a_large_late_result_the_rest_can_be_read() -> None:
    words = "".join(f"{number} " for number in range(5_000))
    found = path(("assistant", call("a")), ("user", "go on"), ("tool", result("a", content=words)))
    for format in FORMATS:
        window = windowed(found, 1_000, format)
        whole = window.text or json.dumps(window.messages, ensure_ascii=False)
        cut = re.search(
            r"(\d+)… \(cut: (\d+) more characters; read_message seq=3 offset=(\d+) has them", whole
        )
        assert cut is not None
        lacking, offset = int(cut[2]), int(cut[3])
        assert lacking + offset == len(words)
        assert words[:offset].endswith(cut[1])
        assert window.tokens <= 1_000


def results_of(window: ContextWindow) -> list[tuple[str, str]]:
    return [(each["tool_call_id"], each["content"]) for each in window.messages if each["role"] == "tool"]


def test_a_result_in_a_users_message_answers_its_call() -> None:
    found = path(("assistant", call("a")), ("user", [*result("a"), TEXT]))
    window = windowed(found, 1_000, "openai")
    assert results_of(window) == [("a", "found")]
    assert window.messages[-1] == {"role": "user", "content": "and here is more"}
    assert window.repairs == []
    text = windowed(found, 1_000, "text").text
    assert "found" in text
    assert "no result was recorded" not in text


def test_a_result_in_the_assistants_own_message_answers_its_call() -> None:
    window = windowed(path(("assistant", [*call("a"), *result("a"), TEXT])), 1_000, "openai")
    assert results_of(window) == [("a", "found")]
    assert window.repairs == []


def test_what_a_user_says_ends_an_exchange() -> None:
    found = path(("assistant", call("a", "b")), ("user", [*result("a"), TEXT]), ("tool", result("b")))
    window = windowed(found, 1_000, "openai")
    assert sorted(results_of(window)) == [("a", "found"), ("b", "No result was recorded for this call.")]
    assert told(window)[-2:] == [["and here is more"], [TOLD.replace("call a", "call b"), "found"]]
    assert window.repairs == [
        "#1: call b has no recorded result; a note stands for it",
        f"#3: {IN_WORDS}",
    ]


def test_words_beside_a_result_that_answers_nothing_stay() -> None:
    window = windowed(path(("user", [*result("a"), TEXT])), 1_000, "openai")
    assert told(window) == [["and here is more", TOLD, "found"]]
    assert window.repairs == [f"#1: {IN_WORDS}"]
    own = windowed(path(("assistant", [*result("a"), TEXT])), 1_000, "openai")
    assert told(own)[-1] == ["and here is more"]
    assert own.repairs == ["#1: took out results that answer no open call"]


def test_a_call_that_is_not_the_assistants_is_left_out_and_reported() -> None:
    window = windowed(path(("user", [TEXT, *call("a")]), ("tool", result("a"))), 1_000, "anthropic")
    assert told(window) == [["and here is more", TOLD, "found"]]
    assert window.repairs == [
        "#1: took out calls or reasoning, which only an assistant's message can hold",
        f"#2: {IN_WORDS}",
    ]


def test_a_call_of_an_earlier_step_is_answered_in_that_step() -> None:
    found = path(
        ("assistant", [*call("a"), STEP, *call("b"), *result("b"), TEXT]),
        ("tool", result("a")),
        ("user", "?"),
    )
    window = windowed(found, 1_000, "openai")
    assert [each["role"] for each in window.messages] == [
        "assistant", "tool", "assistant", "tool", "user", "user"
    ]  # fmt: skip
    assert results_of(window) == [("a", "No result was recorded for this call."), ("b", "found")]


def test_each_of_several_calls_with_one_id_has_its_result() -> None:
    found = path(("assistant", call("a", "a")), ("tool", result("a", content="1")), ("tool", result("a")))
    window = windowed(found, 1_000, "anthropic")
    _, called, answered = window.messages
    assert [block["id"] for block in called["content"]] == ["a", "a_1"]
    assert [(block["tool_use_id"], block["content"]) for block in answered["content"]] == [
        ("a", "1"),
        ("a_1", "found"),
    ]


def test_what_the_text_format_writes_around_a_message_is_counted() -> None:
    parts: list[Part] = [{"type": "text", "text": "hi"}, *({"type": "reasoning", "encrypted": "gAA"},) * 9]
    name = "Ada, Countess of Lovelace, " * 7
    messages = [message(seq, "assistant", parts)._replace(author=name) for seq in range(1, 30)]
    window = windowed(read(messages), 1_000, "text")
    assert 200 < estimate(window.text) <= window.tokens <= 1_000


def test_a_backslash_before_each_line_that_poses_as_ours_is_counted() -> None:
    messages = [message(seq, "user", "<instructions>\n" * 10) for seq in range(1, 60)]
    window = windowed(read(messages), 1_000, "text")
    assert 500 < estimate(window.text) <= window.tokens <= 1_000


def test_a_huge_last_message_is_cut_to_a_stub_that_says_how_to_read_the_rest() -> None:
    window = windowed(path(("user", "word " * 50_000)), 500, "openai")
    (content,) = shown(window)
    assert content.startswith("word word")
    assert "read_message seq=1 offset=" in content
    offset = int(content.rpartition("offset=")[2].split()[0])
    assert content.startswith("word " * (offset // 5))


@pytest.mark.parametrize(("role", "share"), [("user", 2), ("assistant", 4), ("tool", 4)])
def test_one_large_message_leaves_room_for_the_others(role: Role, share: int) -> None:
    """A user's takes at most half of the budget, any other a quarter."""
    words = "word " * 50_000
    huge: list[Said] = [(role, words)]
    if role == "tool":
        huge = [("assistant", call("a")), ("tool", result("a", content=words))]
    window = windowed(path(("user", "before"), *huge, ("user", "after")), 4_000, "openai")
    texts = shown(window)
    assert (texts[0], texts[-1], window.omitted) == ("before", "after", 0)
    (cut,) = [text for text in texts if text and "word" in text]
    most = plan(4_000, "openai").budget // share
    assert 0.75 * most < estimate(cut) <= most + 1


def test_a_huge_result_keeps_its_call() -> None:
    found = path(("assistant", call("a")), ("tool", result("a", content="row\n" * 50_000)))
    window = windowed(found, 500, "openai")
    check_openai(window.messages)
    assert [each["role"] for each in window.messages] == ["assistant", "tool"]
    assert "more characters" in window.messages[1]["content"]


@pytest.mark.parametrize("format", ["anthropic", "gemini"])
def test_instructions_stand_apart_where_the_provider_keeps_them_apart(format: Format) -> None:
    found = path(("user", "hi"))
    found.instructions = "Be brief."
    window = windowed(found, 200, format)
    assert "Be brief." in json.dumps(window.system)
    assert "Be brief." not in json.dumps(window.messages)


def test_every_ui_message_has_an_id_of_its_own() -> None:
    found = path(("user", "hi"), ("assistant", call("a")), ("tool", result("a")))
    found.instructions = "Be brief."
    messages = windowed(found, 400, "vercel").messages
    assert [each["id"] for each in messages] == ["msg_0", "msg_1", "msg_2"]


def test_instructions_come_first_and_take_at_most_half() -> None:
    found = path(("user", "hi"))
    found.instructions = "Be brief."
    assert windowed(found, 100, "openai").messages[0] == {"role": "system", "content": "Be brief."}
    for times in (20, 30, 1_000):  # a little more than half, nearly all, far more
        found.instructions = "Be brief. " * times
        window = windowed(found, 100, "openai")
        assert shown(window)[-1] == "hi"
        assert estimate(shown(window)[0]) <= 50
        assert not window.instructions_left_out
    window = windowed(found, 20, "openai")
    assert window.instructions_left_out
    assert shown(window) == ["hi"]


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_conversation_gives_an_empty_window(format: Format) -> None:
    window = windowed(path(), 100, format)
    assert (window.first_seq, window.last_seq, window.messages) == (0, 0, [])
