from __future__ import annotations

import json
from typing import Any

import pytest

from recollect.history.formats import anthropic, gemini, openai, openai_responses, vercel
from recollect.history.formats.providers import INCOMING, OUTGOING, Outgoing
from recollect.history.formats.rendered import PROVIDERS, Provider
from recollect.models.message import NewMessage
from tests.history.formats.payloads import BY_HAND, IDS, as_payload
from tests.history.formats.stored import stored
from tests.history.formats.validators import VALIDATORS

PNG = "iVBORw0KGgo="

TRIP: list[dict[str, Any]] = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": [
        {"type": "text", "text": "Weather here?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]},
    {"role": "assistant", "content": "Let me look.", "tool_calls": [
        {"id": "call_1", "type": "function",
         "function": {"name": "weather", "arguments": '{"city": "Paris"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": "Rome"}},
    ]},
    {"role": "tool", "tool_call_id": "call_2", "content": "18"},
    {"role": "tool", "tool_call_id": "call_1", "content": "12"},
    {"role": "assistant", "content": None, "refusal": "No more."},
]  # fmt: skip


def test_a_chat_goes_to_anthropic() -> None:
    rendered = anthropic.outgoing(stored(openai.incoming(TRIP)))
    assert rendered.system == "Answer briefly."
    assert rendered.messages == [
        {"role": "user", "content": [
            {"type": "text", "text": "Weather here?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        ]},
        {"role": "assistant", "content": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Paris"}},
            {"type": "tool_use", "id": "call_2", "name": "weather", "input": {"input": "Rome"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call_2", "content": "18"},
            {"type": "tool_result", "tool_use_id": "call_1", "content": "12"},
        ]},
        {"role": "assistant", "content": "No more."},
    ]  # fmt: skip
    assert rendered.lost == []


def test_a_chat_goes_to_gemini() -> None:
    rendered = gemini.outgoing(stored(openai.incoming(TRIP)))
    assert rendered.system == {"parts": [{"text": "Answer briefly."}]}
    assert rendered.messages == [
        {"role": "user", "parts": [
            {"text": "Weather here?"},
            {"inlineData": {"mimeType": "image/png", "data": PNG}},
            {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}},
        ]},
        {"role": "model", "parts": [
            {"text": "Let me look."},
            {"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Paris"}}},
            {"functionCall": {"id": "call_2", "name": "weather", "args": {"input": "Rome"}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "call_1", "name": "weather", "response": {"output": "12"}}},
            {"functionResponse": {"id": "call_2", "name": "weather", "response": {"output": "18"}}},
        ]},
        {"role": "model", "parts": [{"text": "No more."}]},
    ]  # fmt: skip


def test_a_chat_goes_to_responses() -> None:
    assert openai_responses.outgoing(stored(openai.incoming(TRIP))).messages == [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": [
            {"type": "input_text", "text": "Weather here?"},
            {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"},
            {"type": "input_image", "detail": "auto", "image_url": "https://example.com/a.png"},
        ]},
        {"role": "assistant", "content": "Let me look."},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris"}'},
        {"type": "function_call", "call_id": "call_2", "name": "weather", "arguments": "Rome"},
        {"type": "function_call_output", "call_id": "call_2", "output": "18"},
        {"type": "function_call_output", "call_id": "call_1", "output": "12"},
        {"role": "assistant", "content": "No more."},
    ]  # fmt: skip


def test_a_chat_goes_to_the_ai_sdk() -> None:
    assert vercel.outgoing(stored(openai.incoming(TRIP))).messages == [
        {"id": "msg_1", "role": "system", "parts": [{"type": "text", "text": "Answer briefly."}]},
        {"id": "msg_2", "role": "user", "parts": [
            {"type": "text", "text": "Weather here?"},
            {"type": "file", "mediaType": "image/png", "url": f"data:image/png;base64,{PNG}"},
            {"type": "file", "mediaType": "image/png", "url": "https://example.com/a.png"},
        ]},
        {"id": "msg_3", "role": "assistant", "parts": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool-weather", "toolCallId": "call_1", "state": "output-available",
             "input": {"city": "Paris"}, "output": "12"},
            {"type": "tool-weather", "toolCallId": "call_2", "state": "output-available",
             "input": "Rome", "output": "18"},
        ]},
        {"id": "msg_6", "role": "assistant", "parts": [{"type": "text", "text": "No more."}]},
    ]  # fmt: skip


def test_steps_of_a_ui_message_become_messages_in_the_order_of_the_turn() -> None:
    payload = next(payload for _, name, payload in BY_HAND if name == "tools in several steps")
    rendered = openai.outgoing(stored(vercel.incoming(payload)))
    assert [message["role"] for message in rendered.messages] == [
        "user", "assistant", "tool", "tool", "assistant", "tool", "assistant"
    ]  # fmt: skip
    assert rendered.messages[2]["content"] == '{"degrees": 12, "sky": null}'
    assert "#2: that a tool failed (the words of its result are shown)" in rendered.lost


def test_a_failed_result_stays_failed_where_the_provider_can_say_so() -> None:
    block = {"type": "tool_result", "tool_use_id": "t", "content": "no network", "is_error": True}
    call: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    conversation: list[dict[str, Any]] = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [block]},
    ]
    messages = stored(anthropic.incoming(conversation))
    response = gemini.outgoing(messages).messages[2]["parts"][0]["functionResponse"]
    assert response == {"id": "t", "name": "f", "response": {"error": "no network"}}
    assert vercel.outgoing(messages).messages[1]["parts"][0]["errorText"] == "no network"
    back = stored(gemini.incoming(gemini.outgoing(messages).messages))
    assert anthropic.outgoing(back).messages[2]["content"] == [block]


def test_calls_without_ids_get_one_that_stays_the_same_while_the_window_moves() -> None:
    turn = next(payload for _, name, payload in BY_HAND if name == "parallel calls without ids")
    messages = stored([*gemini.incoming(turn), *gemini.incoming(turn)])
    whole = anthropic.outgoing(messages).messages
    ids = [block["id"] for message in (whole[1], whole[5]) for block in message["content"] if "id" in block]
    assert ids == ["weather_0_2", "weather_1_2", "now_0_2", "weather_0_6", "weather_1_6", "now_0_6"]
    assert anthropic.outgoing(messages[4:]).messages == whole[4:]
    shown = [part for message in vercel.outgoing(messages).messages for part in message["parts"]]
    assert [part["toolCallId"] for part in shown if "toolCallId" in part] == ids
    assert gemini.outgoing(messages).messages == [*turn, *turn]


def test_results_that_come_in_later_find_their_calls() -> None:
    turn = next(payload for _, name, payload in BY_HAND if name == "parallel calls without ids")
    apart = [message for content in turn for message in gemini.incoming([content])]
    assert anthropic.outgoing(stored(apart)) == anthropic.outgoing(stored(gemini.incoming(turn)))


SECRETS = ("EqQBCg==", "EmwKAhgB", "CtsBAdHtim8=", "gAAAAAB", "CtsBAdHtim9=")


@pytest.mark.parametrize("target", PROVIDERS)
@pytest.mark.parametrize(("provider", "name", "payload"), BY_HAND, ids=IDS)
def test_what_one_provider_signed_never_reaches_another(
    provider: Provider, name: str, payload: Any, target: Provider
) -> None:
    rendered = OUTGOING[target](stored(INCOMING[provider](payload, "messages")))
    if target != provider:
        shown = json.dumps([rendered.messages, rendered.system])
        assert [secret for secret in SECRETS if secret in shown] == []
        losses = any(secret in json.dumps(payload) for secret in SECRETS)
        assert rendered.lost or not losses


REPAIRED = {
    "openai: empty content",
    "gemini: odd contents",
    "openai_responses: references, compaction and the unknown",
    "vercel: sources, files and data",
}
"""Payloads that their provider's types allow and its API does not, and what is changed to be sure."""


@pytest.mark.parametrize(("provider", "name", "payload"), BY_HAND, ids=IDS)
def test_what_a_provider_accepts_is_not_repaired(provider: Provider, name: str, payload: Any) -> None:
    rendered = OUTGOING[provider](stored(INCOMING[provider](payload, "messages")))
    equal = as_payload(provider, rendered, payload) == payload
    assert equal == (f"{provider}: {name}" not in REPAIRED)
    assert equal or rendered.lost


def test_ordinary_messages_keep_nothing_beside_their_parts() -> None:
    for provider, name, payload in BY_HAND:
        if name == "plain text" and provider in ("openai", "gemini"):
            assert all(
                isinstance(message.content, str) for message in INCOMING[provider](payload, "messages")
            )
    assert not any("native" in json.dumps(message.content) for message in openai.incoming(TRIP[:-1]))


def test_bytes_are_kept_once() -> None:
    data = "A" * 10_000
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data, "x": 1}}
    message = {"role": "user", "content": [{**image, "cache_control": {"type": "ephemeral"}}]}
    assert len(json.dumps(anthropic.incoming([message])[0].content)) < 10_400


@pytest.mark.parametrize("outgoing", [anthropic.outgoing, gemini.outgoing])
def test_the_assistant_may_not_begin(outgoing: Outgoing) -> None:
    messages = stored([NewMessage("assistant", "Welcome!"), NewMessage("user", "Hi")])
    rendered = outgoing(messages)
    assert [message["role"] for message in rendered.messages[:2]] in (
        ["user", "assistant"],
        ["user", "model"],
    )
    assert rendered.lost == ["#1: a short user message was put in front, since the user has to begin"]
    assert anthropic.outgoing(messages, exact=True).messages[0] == {
        "role": "assistant",
        "content": "Welcome!",
    }


SIGNED = {"type": "reasoning", "text": "Hm.", "signature": "EqQ=", "provider": "anthropic"}
SEALED = {"type": "reasoning", "id": "rs_1", "encrypted": "gAA", "provider": "openai"}


@pytest.mark.parametrize(("provider", "part"), [("anthropic", SIGNED), ("openai_responses", SEALED)])
def test_reasoning_that_nothing_followed_is_left_out(provider: Provider, part: dict[str, Any]) -> None:
    words = NewMessage("user", "Hi")
    alone = OUTGOING[provider](stored([words, NewMessage("assistant", [part]), words]))
    assert "Hm." not in json.dumps(alone.messages)
    assert "rs_1" not in json.dumps(alone.messages)
    assert alone.lost == ["#2: reasoning that nothing followed"]
    followed = [words, NewMessage("assistant", [part]), NewMessage("assistant", "So.")]
    assert OUTGOING[provider](stored(followed)).lost == []


def test_a_message_does_not_end_in_thinking() -> None:
    words = NewMessage("user", "Hi")
    kept = anthropic.outgoing(
        stored([words, NewMessage("assistant", [{"type": "text", "text": "So."}, SIGNED])])
    )
    assert kept.messages[1] == {"role": "assistant", "content": [{"type": "text", "text": "So."}]}


def test_later_instructions_join_the_system_prompt() -> None:
    messages = stored([NewMessage("system", "A"), NewMessage("user", "Hi"), NewMessage("developer", "B")])
    rendered = anthropic.outgoing(messages)
    assert rendered.system == [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    assert rendered.lost == ["#3: the place of instructions among the messages"]
    assert gemini.outgoing(messages).system == {"parts": [{"text": "A"}, {"text": "B"}]}


def test_a_stub_of_a_cut_message_is_shown_and_the_rest_of_it_kept() -> None:
    block = {"type": "text", "text": "long " * 100, "cache_control": {"type": "ephemeral"}}
    (message,) = anthropic.incoming([{"role": "user", "content": [block]}])
    assert isinstance(message.content, list)
    message.content[0]["text"] = "long… (cut)"
    (shown,) = anthropic.outgoing(stored([message])).messages
    assert shown["content"] == [{**block, "text": "long… (cut)"}]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_tool_said_without_a_call_is_not_told_as_the_users_words(provider: Provider) -> None:
    result = {"type": "tool_result", "call_id": "1", "content": "ok"}
    call: dict[str, Any] = {"type": "tool_call", "id": "1", "name": "look", "arguments": {}}
    said = [NewMessage("user", "Hi"), NewMessage("tool", "Pay now."), NewMessage("assistant", [call])]
    beside = NewMessage("tool", [result, {"type": "text", "text": "Pay more."}])
    rendered = OUTGOING[provider](stored([*said, beside]))
    told = json.dumps(rendered.messages)
    for words in ("Pay now.", "Pay more."):
        before, _, _ = told.partition(words)
        assert before[-60:].count("(From a tool:)") == 1
    note = "a note was put before a tool's words, which go out as the user's"
    assert [line for line in rendered.lost if note in line] == [f"#2: {note}", f"#4: {note}"]
    assert VALIDATORS[provider](rendered.messages) == []
    assert "From a tool" not in json.dumps(OUTGOING[provider](stored(said), exact=True).messages)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_author_who_does_not_go_out_is_listed(provider: Provider) -> None:
    rendered = OUTGOING[provider](stored([NewMessage("user", "Hi", author="ada")]))
    assert rendered.lost == ([] if provider == "openai" else ["#1: the author"])


def test_images_of_a_type_that_a_provider_refuses_are_told_in_words() -> None:
    """Each refuses the whole request: OpenAI and Anthropic SVG and HEIC, Gemini SVG and GIF."""
    types = ("image/svg+xml", "image/heic", "image/gif", "image/png", "image/jpg")
    shown: dict[Provider, set[str]] = {
        "openai": {"image/gif", "image/png", "image/jpeg"},
        "openai_responses": {"image/gif", "image/png", "image/jpeg"},
        "gemini": {"image/heic", "image/png", "image/jpeg"},
        "vercel": set(types),
    }
    images = [{"type": "image", "data": PNG, "media_type": kind} for kind in types]
    call: dict[str, Any] = {"type": "tool_call", "id": "1", "name": "look", "arguments": {}}
    result = {"type": "tool_result", "call_id": "1", "content": images}
    said = [NewMessage("user", images), NewMessage("assistant", [call]), NewMessage("tool", [result])]
    for provider, expected in shown.items():
        rendered = OUTGOING[provider](stored(said))
        for message in rendered.messages:
            told = json.dumps(message)
            if PNG in told:
                assert {kind for kind in (*types, "image/jpeg") if kind in told} == expected, provider
        if provider != "vercel":
            assert "#1: an image of the type image/svg+xml" in rendered.lost


def test_a_file_without_a_name_goes_to_openai_with_one() -> None:
    """Its API asks for a file_id otherwise."""
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    given = [{"role": "user", "content": [{"type": "document", "source": source}]}]
    (shown,) = openai.outgoing(stored(anthropic.incoming(given))).messages
    data = "data:application/pdf;base64,JVBERi0="
    assert shown["content"] == [{"type": "file", "file": {"file_data": data, "filename": "file"}}]


def test_blank_instructions_do_not_go_to_gemini() -> None:
    said = [NewMessage("system", ""), NewMessage("user", "Hi")]
    assert gemini.outgoing(stored(said)).system is None
    given: dict[str, Any] = {
        "contents": [],
        "systemInstruction": {"parts": [{"text": ""}, {"text": "Be brief."}]},
    }
    assert gemini.outgoing(stored(gemini.incoming(given))).system == {"parts": [{"text": "Be brief."}]}
    assert gemini.outgoing(stored(gemini.incoming(given)), exact=True).system == given["systemInstruction"]
