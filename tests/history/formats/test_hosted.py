"""Work of a provider's own tools: of calls and outcomes both are shown, or neither."""

from __future__ import annotations

from typing import Any

from recollect.history.formats import anthropic, openai_responses
from recollect.history.formats.rendered import Rendered
from recollect.history.tokens import estimate_message
from recollect.models.message import ContextWindow, Message, NewMessage
from tests.history.formats.stored import stored
from tests.history.test_window import read, windowed

SEARCH: dict[str, Any] = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "tides"},
}


def outcome(title: str = "Tides") -> dict[str, Any]:
    page = {
        "type": "web_search_result",
        "url": "https://example.com",
        "title": title,
        "encrypted_content": "E",
    }
    return {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [page]}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def kinds(rendered: Rendered | ContextWindow) -> list[list[str]]:
    contents: list[Any] = [message["content"] for message in rendered.messages]
    return [[block["type"] for block in content] for content in contents if not isinstance(content, str)]


def counted(new: list[NewMessage]) -> list[Message]:
    return [
        message._replace(token_count=estimate_message(message.text, message.parts)) for message in stored(new)
    ]


def test_a_search_is_cut_together_with_what_it_found() -> None:
    said = [SEARCH, outcome("The tide turns at noon. " * 900), text("At noon.")]
    messages = anthropic.incoming(
        [{"role": "user", "content": "When?"}, {"role": "assistant", "content": said}]
    )
    window = windowed(read(counted(messages)), 600, "anthropic")
    assert kinds(window) == [["text", "text"]]
    assert "read_message seq=2 format=json has it" in window.messages[1]["content"][0]["text"]
    assert kinds(windowed(read(counted(messages)), 60_000, "anthropic")) == [
        [block["type"] for block in said]
    ]


def test_a_search_that_never_ended_is_left_out_once_the_user_went_on() -> None:
    begun = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": [text("Hm."), SEARCH]}]
    assert kinds(anthropic.outgoing(stored(anthropic.incoming(begun)))) == [["text", "server_tool_use"]]
    rendered = anthropic.outgoing(stored(anthropic.incoming([*begun, {"role": "user", "content": "So?"}])))
    assert kinds(rendered) == [["text"]]
    assert rendered.lost == ["#2: server_tool_use, whose other half is not shown"]


def test_an_outcome_whose_call_is_outside_the_window_is_left_out() -> None:
    later = anthropic.incoming([{"role": "assistant", "content": [outcome(), text("At noon.")]}])
    rendered = anthropic.outgoing(stored([NewMessage("user", "And?"), *later]))
    assert kinds(rendered) == [["text"]]
    assert "#2: web_search_tool_result, whose other half is not shown" in rendered.lost


def test_an_approval_is_shown_after_what_was_to_be_approved() -> None:
    request: dict[str, Any] = {
        "type": "mcp_approval_request",
        "id": "mcpr_1",
        "arguments": "{}",
        "name": "pay",
        "server_label": "bank",
    }
    answer: dict[str, Any] = {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_1",
        "approve": True,
    }
    messages = stored(openai_responses.incoming([request, answer]))
    assert openai_responses.outgoing(messages).messages == [request, answer]
    alone = openai_responses.outgoing(messages[1:])
    assert alone.messages == []
    assert alone.lost == ["#2: mcp_approval_response, whose other half is not shown"]


def test_a_shell_call_without_a_result_becomes_a_plain_call_with_nothing_of_its_own_left() -> None:
    ran: dict[str, Any] = {
        "type": "shell_call",
        "id": "sh_1",
        "call_id": "call_1",
        "status": "completed",
        "action": {"commands": ["ls"]},
    }
    messages = counted(openai_responses.incoming([ran]))
    assert windowed(read(messages), 1_000, "openai_responses").messages == [
        {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": '{"commands": ["ls"]}'},
        {
            "type": "function_call_output",
            "call_id": "call_1",
            "output": "No result was recorded for this call.",
        },
    ]
