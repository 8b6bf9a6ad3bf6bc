"""Answers that a provider gave, in the shape in which it takes them back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recollect.history.formats import anthropic, anthropic_out, gemini, openai, openai_responses, vercel
from recollect.history.formats.providers import OUTGOING
from recollect.history.formats.rendered import PROVIDERS, Provider
from recollect.history.payloads import PayloadFormat, messages_from
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage, Part
from tests.history.formats.stored import stored
from tests.history.formats.test_hosted import counted
from tests.history.formats.validators import VALIDATORS
from tests.history.test_window import read, windowed


def test_an_answer_without_calls_goes_out_without_a_list_of_calls() -> None:
    nothing: list[Any] = [None, []]
    for none in nothing:
        (shown,) = openai.outgoing(
            stored(openai.incoming([{"role": "assistant", "content": "Hi", "tool_calls": none}]))
        ).messages
        assert shown == {"role": "assistant", "content": "Hi"}


def test_a_spoken_answer_goes_back_as_its_id_alone() -> None:
    audio = {"id": "audio_1", "data": "UklGRg==" * 900, "expires_at": 1, "transcript": "Hi."}
    given = [{"role": "assistant", "content": None, "audio": audio}]
    messages = stored(openai.incoming(given))
    assert openai.outgoing(messages).messages == [
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    ]
    assert openai.outgoing(messages, exact=True).messages == given


ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hi.", "citations": None}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 4},
}
"""As Anthropic's API gives it; it takes back the role and the content alone."""


def test_an_answer_of_anthropics_goes_back_without_what_is_about_it() -> None:
    given = [{"role": "user", "content": "Hello"}, ANSWER]
    messages = stored(messages_from(given))
    shown = [given[0], {"role": "assistant", "content": ANSWER["content"]}]
    assert anthropic.outgoing(messages).messages == shown
    assert anthropic.outgoing(messages, exact=True).messages == given


def test_an_answer_alone_is_told_from_a_conversation_without_messages() -> None:
    answers: tuple[tuple[PayloadFormat, Any], ...] = (("anthropic", ANSWER), ("gemini", {"candidates": []}))
    for format, answer in answers:
        with pytest.raises(InvalidArgument, match=r"^messages: is an object without"):
            messages_from(answer, format)
    assert len(messages_from({"system": "Be brief."}, "anthropic")) == 1


def test_arguments_go_out_in_the_letters_they_are_written_in() -> None:
    """As escapes they would cost six times the tokens that were counted."""
    call = {"type": "tool_call", "id": "1", "name": "look", "arguments": {"город": "Рига"}}
    (shown,) = openai.outgoing(stored([NewMessage("assistant", [call])])).messages
    assert shown["tool_calls"][0]["function"]["arguments"] == '{"город": "Рига"}'


def test_escapes_in_written_arguments_become_no_lone_surrogates() -> None:
    call = {"type": "tool_call", "id": "1", "name": "look", "arguments": '{"at": "\\ud800 \\u0000"}'}
    rendered = anthropic.outgoing(stored([NewMessage("user", "Look"), NewMessage("assistant", [call])]))
    assert rendered.messages[1]["content"][0]["input"] == {"at": "\ufffd \ufffd"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_number_larger_than_a_float_does_not_become_infinity(provider: Provider) -> None:
    """Which is no JSON: whoever reads the window over HTTP could not."""
    call = {"type": "tool_call", "id": "1", "name": "look", "arguments": '{"at": 1e999}'}
    json_result = {"content": '{"at": -1e999}', "media_type": "application/json"}
    result = {"type": "tool_result", "call_id": "1", **json_result}
    said = [NewMessage("user", "Look"), NewMessage("assistant", [call]), NewMessage("tool", [result])]
    shown = json.dumps(OUTGOING[provider](stored(said)).messages, allow_nan=False)
    assert shown.count("1e999") == 2


def test_instructions_hold_no_images_where_they_are_text_alone() -> None:
    image = {"type": "image", "url": "https://example.com/a.png"}
    rendered = openai.outgoing(stored([NewMessage("system", [{"type": "text", "text": "So:"}, image])]))
    assert [block["type"] for block in rendered.messages[0]["content"]] == ["text", "text"]
    assert rendered.lost == ["#1: image"]


def test_calls_without_ids_of_two_tools_keep_their_names() -> None:
    calls: list[Part] = [
        {"type": "tool_call", "id": "x~0", "name": name, "arguments": {}} for name in ("look", "read")
    ]
    results = [{"type": "tool_result", "call_id": "x~0", "content": "ok"}] * 2
    rendered = gemini.outgoing(stored([NewMessage("assistant", calls), NewMessage("tool", results)]))
    assert [part["functionResponse"]["name"] for part in rendered.messages[2]["parts"]] == ["look", "read"]


def test_a_note_for_one_of_two_calls_without_ids_stands_in_its_own_place() -> None:
    calls = [{"functionCall": {"name": "look", "args": {"at": at}}} for at in ("a", "b")]
    answer = {"functionResponse": {"name": "look", "response": {"output": "found"}}}
    given: list[dict[str, Any]] = [
        {"role": "user", "parts": [{"text": "Look."}]},
        {"role": "model", "parts": calls},
        {"role": "user", "parts": [answer]},
        {"role": "user", "parts": [{"text": "So?"}]},
    ]
    window = windowed(read(counted(gemini.incoming(given))), 1_000, "gemini")
    answers = [part["functionResponse"]["response"]["output"] for part in window.messages[2]["parts"][:2]]
    assert answers == ["found", "No result was recorded for this call."]


def test_a_call_that_waits_for_an_approval_is_settled_once_the_conversation_goes_on() -> None:
    asked: dict[str, Any] = {
        "type": "tool-pay",
        "toolCallId": "call_1",
        "state": "approval-requested",
        "input": {"sum": 9},
        "approval": {"id": "ap_1"},
    }
    given: list[dict[str, Any]] = [
        {"id": "m1", "role": "assistant", "parts": [asked]},
        {"id": "m2", "role": "user", "parts": [{"type": "text", "text": "Never mind."}]},
    ]
    messages = counted(vercel.incoming(given))
    window = windowed(read(messages), 1_000, "vercel")
    assert window.messages[0]["parts"] == [
        {
            "type": "tool-pay",
            "toolCallId": "call_1",
            "state": "output-available",
            "input": {"sum": 9},
            "output": "No result was recorded for this call.",
        }
    ]
    assert vercel.outgoing(messages, exact=True).messages == given


@pytest.mark.parametrize("approved", [True, False])
def test_an_approval_that_was_answered_last_goes_to_the_sdk_which_runs_the_tool(approved: bool) -> None:
    """The AI SDK (collect-tool-approvals.ts) looks for answers in the last message alone."""
    answered: dict[str, Any] = {
        "type": "tool-pay",
        "toolCallId": "call_1",
        "state": "approval-responded",
        "input": {"sum": 9},
        "approval": {"id": "ap_1", "approved": approved},
    }
    done: dict[str, Any] = {
        "type": "tool-look",
        "toolCallId": "call_2",
        "state": "input-available",
        "input": {},
    }
    given: list[dict[str, Any]] = [
        {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Pay."}]},
        {"id": "m2", "role": "assistant", "parts": [answered, done]},
    ]
    window = windowed(read(counted(vercel.incoming(given))), 1_000, "vercel")
    assert window.messages[1]["parts"][0] == answered
    assert window.messages[1]["parts"][1]["state"] == "output-available"
    assert window.repairs == ["#2: call call_2 has no recorded result; a note stands for it"]
    assert VALIDATORS["vercel"](window.messages) == []
    given.append({"id": "m3", "role": "user", "parts": [{"type": "text", "text": "Never mind."}]})
    went_on = windowed(read(counted(vercel.incoming(given))), 1_000, "vercel")
    assert went_on.messages[1]["parts"][0]["state"] == "output-available"
    assert len(went_on.repairs) == 2
    assert "call_1" in windowed(read(counted(vercel.incoming(given[:2]))), 1_000, "openai").repairs[0]


def test_ui_parts_of_several_calls_with_one_id_get_ids_of_their_own() -> None:
    call: Part = {"type": "tool_call", "id": "1", "name": "look", "arguments": {}}
    results = [{"type": "tool_result", "call_id": "1", "content": words} for words in ("a", "b")]
    (shown,) = vercel.outgoing(stored([NewMessage("assistant", [call, call, *results])])).messages
    assert [(part["toolCallId"], part["output"]) for part in shown["parts"]] == [("1", "a"), ("1_1", "b")]


def test_a_result_that_failed_without_words_is_given_some() -> None:
    """Anthropic's API says that content cannot be empty if is_error is true."""
    call: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {}}
    blanks: list[Any] = ["", " ", [], [{"type": "text", "text": "\n"}]]
    for content in blanks:
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, "is_error": True}
        given: list[dict[str, Any]] = [
            {"role": "user", "content": "Go."},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]
        messages = stored(anthropic.incoming(given))
        rendered = anthropic.outgoing(messages)
        assert rendered.messages[2]["content"] == [{**result, "content": anthropic_out.FAILED}]
        assert rendered.lost == ["#3: a note was put into a result that failed without words"]
        assert anthropic.outgoing(messages, exact=True).messages == given


def marked(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "cache_control": {"type": "ephemeral"}}


def test_no_more_cache_marks_go_out_than_a_request_may_have() -> None:
    """As from an agent that marks what it sends last at every turn, and stores it so."""
    call: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [marked("ok")]}
    given: dict[str, Any] = {"system": [marked("Be brief.")], "messages": []}
    for turn in range(4):
        given["messages"] += [
            {"role": "user", "content": [marked(f"Question {turn}")]},
            {"role": "assistant", "content": "Answer"},
        ]
    given["messages"] += [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    messages = stored(anthropic.incoming(given))
    rendered = anthropic.outgoing(messages)
    assert rendered.system == given["system"]
    assert rendered.messages[4:] == given["messages"][4:]
    assert [rendered.messages[at]["content"] for at in (0, 2)] == [
        [{"type": "text", "text": f"Question {turn}"}] for turn in range(2)
    ]
    assert rendered.lost == [f"#{seq}: a cache mark, of which a request may have four" for seq in (2, 4)]
    assert anthropic.outgoing(messages, exact=True).messages == given["messages"]
    fewer = anthropic.outgoing(messages[5:])
    assert fewer.messages == given["messages"][4:]
    assert fewer.lost == []


def test_a_result_has_the_name_that_its_call_goes_out_with() -> None:
    call: Part = {"type": "tool_call", "id": "1", "name": "files/read", "arguments": {}}
    result = {"type": "tool_result", "call_id": "1", "name": "files/read", "content": "ok"}
    said = [NewMessage("user", "Go."), NewMessage("assistant", [call]), NewMessage("tool", [result])]
    _, asked, answered = gemini.outgoing(stored(said)).messages
    assert asked["parts"][0]["functionCall"]["name"] == "files_read"
    assert answered["parts"][0]["functionResponse"]["name"] == "files_read"


def test_a_call_beside_an_empty_message_gets_an_id_of_its_own() -> None:
    """Some servers number their calls anew in every answer, and begin it with a message without content."""
    answer: list[dict[str, Any]] = [
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": []},
        {"type": "function_call", "call_id": "call_0", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_0", "output": "ok"},
    ]
    messages = stored(openai_responses.incoming([*answer, *answer]))
    rendered = openai_responses.outgoing(messages).messages
    assert [item["call_id"] for item in rendered] == ["call_0", "call_0", "call_0_3", "call_0_3"]
    assert openai_responses.outgoing(messages, exact=True).messages == [*answer, *answer]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_of_servers_that_speak_openais_format_counts_and_goes_elsewhere_as_such(field: str) -> None:
    given = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello.", field: "They greet me. " * 400},
    ]
    messages = counted(openai.incoming(given))
    assert messages[1].token_count > 1_200
    assert openai.outgoing(messages).messages == given
    assert openai.outgoing(messages, exact=True).messages == given
    (part,) = vercel.outgoing(messages).messages[1]["parts"][:1]
    assert part == {"type": "reasoning", "text": given[1][field]}
    assert windowed(read(messages), 1_000, "openai").messages[1] == {"role": "assistant", "content": "Hello."}


def test_what_openais_sdk_parsed_of_an_answer_does_not_go_back() -> None:
    """As its `model_dump` gives it of every answer that was streamed. The API refuses unknown fields."""
    message: dict[str, Any] = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
    }
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "look", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "ok"}
    (block,) = message["content"]
    given = [
        {**message, "content": [{**block, "parsed": None}]},
        {**call, "parsed_arguments": {"at": 1}},
        result,
    ]
    messages = stored(openai_responses.incoming(given))
    assert openai_responses.outgoing(messages).messages == [message, call, result]
    assert openai_responses.outgoing(messages, exact=True).messages == given
