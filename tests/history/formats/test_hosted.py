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


def test_a_search_that_never_ended_is_left_out_as_often_as_it_was_stored() -> None:
    begun = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": [text("Hm."), SEARCH]}]
    rendered = anthropic.outgoing(
        stored(anthropic.incoming([*begun, begun[1], {"role": "user", "content": "So?"}]))
    )
    assert kinds(rendered) == [["text", "text"]]


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


PATCH: dict[str, Any] = {
    "type": "apply_patch_call",
    "id": "apc_1",
    "call_id": "call_2",
    "status": "completed",
    "operation": {"type": "delete_file", "path": "a.py"},
}
PATCHED: dict[str, Any] = {
    "type": "apply_patch_call_output",
    "call_id": "call_2",
    "status": "completed",
    "output": "done",
}


def ran(stdout: str) -> list[dict[str, Any]]:
    output = [{"stdout": stdout, "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    return [
        {"type": "shell_call", "call_id": "call_1", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "call_1", "output": output},
    ]


def clicked() -> list[dict[str, Any]]:
    screen = {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"}
    return [
        {
            "type": "computer_call",
            "id": "cu_1",
            "call_id": "call_3",
            "status": "completed",
            "pending_safety_checks": [],
            "action": {"type": "wait"},
        },
        {"type": "computer_call_output", "call_id": "call_3", "output": screen},
    ]


def test_what_a_shell_wrote_is_cut_to_words_that_a_plain_result_takes() -> None:
    window = windowed(
        read(counted(openai_responses.incoming(ran("a.txt\n" * 3_000)))), 1_000, "openai_responses"
    )
    assert [item["type"] for item in window.messages] == ["function_call", "function_call_output"]
    assert window.messages[1]["output"].startswith('[{"stdout": "a.txt')
    assert "read_message seq=2 offset=" in window.messages[1]["output"]


def test_a_patch_that_is_cut_is_a_plain_call() -> None:
    operation = {"type": "create_file", "path": "a.py", "diff": "+a line\n" * 3_000}
    items = [{**PATCH, "operation": operation}, PATCHED]
    window = windowed(read(counted(openai_responses.incoming(items))), 1_000, "openai_responses")
    assert [item["type"] for item in window.messages] == ["function_call", "function_call_output"]
    assert window.messages[0]["arguments"].startswith('{"cut": ')


def test_a_screenshot_that_is_cut_is_a_plain_result() -> None:
    items = [{"role": "user", "content": "Go."}, *clicked()]
    window = windowed(read(counted(openai_responses.incoming(items))), 1_000, "openai_responses")
    assert [item.get("type") for item in window.messages] == [None, "function_call", "function_call_output"]


def test_a_patch_beside_words_that_are_cut_is_a_plain_call_as_nothing_keeps_its_status() -> None:
    words = {"role": "assistant", "content": "So I change it. " * 2_000}
    messages = counted(openai_responses.incoming([words, PATCH, PATCHED]))
    window = windowed(read(messages), 1_000, "openai_responses")
    assert [item.get("type") for item in window.messages] == [None, "function_call", "function_call_output"]
    assert windowed(read(messages), 60_000, "openai_responses").messages == [words, PATCH, PATCHED]


def test_a_patch_beside_a_shell_call_without_a_result_is_a_plain_call_too() -> None:
    items = [*ran("a")[:1], PATCH, PATCHED]
    window = windowed(read(counted(openai_responses.incoming(items))), 1_000, "openai_responses")
    assert sorted(item["type"] for item in window.messages) == [
        *["function_call"] * 2,
        *["function_call_output"] * 2,
    ]
    whole = [*ran("a")[:1], PATCH, ran("a")[1], PATCHED, *clicked()]
    messages = counted(openai_responses.incoming(whole))
    assert windowed(read(messages), 60_000, "openai_responses").messages == whole
