from __future__ import annotations

from typing import Any, cast

import pytest
from anthropic.types.beta import BetaContentBlockParam
from openai.types.responses import ResponseInputItemParam

from recollect.history.formats.detect import detect
from recollect.history.formats.providers import INCOMING, OUTGOING
from recollect.history.formats.rendered import PROVIDERS, Provider
from recollect.history.payloads import messages_from
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage
from tests.history.formats.payloads import BY_HAND, IDS
from tests.history.formats.published import kinds
from tests.history.formats.stored import stored

MEANT: dict[Provider, tuple[list[Any], list[tuple[str, Any]]]] = {
    "anthropic": (
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is in these?"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                    },
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                    {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                    {
                        "type": "document",
                        "title": "Visa",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                    },
                    {
                        "type": "document",
                        "source": {"type": "text", "media_type": "text/plain", "data": "Plain."},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "EqQ="},
                    {"type": "redacted_thinking", "data": "Emw="},
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {"page": 1}},
                    {"type": "tool_use", "id": "t2", "name": "look", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t1",
                        "content": [
                            {"type": "text", "text": "A"},
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": "iVBORw0KGgo=",
                                },
                            },
                        ],
                    },
                    {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
                ],
            },
            {"role": "assistant", "content": "Let me ask again."},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t3", "name": "look", "input": {}}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t3", "content": "B", "is_error": False},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        [
            (
                "user",
                [
                    {"type": "text", "text": "What is in these?"},
                    {"type": "image", "data": "iVBORw0KGgo=", "media_type": "image/png"},
                    {"type": "image", "url": "https://example.com/a.png"},
                    {"type": "image", "file_id": "file_1", "provider": "anthropic"},
                    {"type": "file", "data": "JVBERi0=", "media_type": "application/pdf", "name": "Visa"},
                    {"type": "file", "text": "Plain.", "media_type": "text/plain"},
                ],
            ),
            (
                "assistant",
                [
                    {"type": "reasoning", "text": "Hm.", "signature": "EqQ=", "provider": "anthropic"},
                    {"type": "reasoning", "encrypted": "Emw=", "provider": "anthropic"},
                    {"type": "tool_call", "id": "t1", "name": "look", "arguments": {"page": 1}},
                    {"type": "tool_call", "id": "t2", "name": "look", "arguments": {}},
                ],
            ),
            (
                "tool",
                [
                    {
                        "type": "tool_result",
                        "call_id": "t1",
                        "content": [
                            {"type": "text", "text": "A"},
                            {"type": "image", "data": "iVBORw0KGgo=", "media_type": "image/png"},
                        ],
                    },
                    {"type": "tool_result", "call_id": "t2", "content": "", "is_error": True},
                ],
            ),
            ("assistant", "Let me ask again."),
            ("assistant", [{"type": "tool_call", "id": "t3", "name": "look", "arguments": {}}]),
            (
                "user",
                [
                    {"type": "tool_result", "call_id": "t3", "content": "B", "is_error": False},
                    {"type": "text", "text": "And now?"},
                ],
            ),
        ],
    ),
    "gemini": (
        [
            {
                "role": "user",
                "parts": [
                    {"text": "What is in these?"},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                    {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
                    {
                        "fileData": {
                            "mimeType": "application/pdf",
                            "fileUri": "https://example.com/a.pdf",
                            "displayName": "Visa",
                        }
                    },
                    {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {
                        "functionCall": {"id": "c1", "name": "look", "args": {"page": 1}},
                        "thoughtSignature": "Cts=",
                    },
                    {"functionCall": {"name": "look"}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "c1", "name": "look", "response": {"output": "A"}}},
                    {"functionResponse": {"name": "look", "response": {"error": "gone"}}},
                ],
            },
            {"role": "model", "parts": [{"text": "Done."}]},
        ],
        [
            (
                "user",
                [
                    {"type": "text", "text": "What is in these?"},
                    {"type": "image", "data": "iVBORw0KGgo=", "media_type": "image/png"},
                    {"type": "audio", "data": "UklGRg==", "media_type": "audio/wav"},
                    {
                        "type": "file",
                        "url": "https://example.com/a.pdf",
                        "media_type": "application/pdf",
                        "name": "Visa",
                    },
                    {"type": "file", "data": "JVBERi0=", "media_type": "application/pdf"},
                ],
            ),
            (
                "assistant",
                [
                    {"type": "reasoning", "text": "Hm.", "provider": "gemini"},
                    {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"page": 1}},
                    {"type": "tool_call", "id": "look~1", "name": "look", "arguments": {}},
                ],
            ),
            (
                "tool",
                [
                    {"type": "tool_result", "call_id": "c1", "name": "look", "content": "A"},
                    {
                        "type": "tool_result",
                        "call_id": "look~1",
                        "name": "look",
                        "is_error": True,
                        "content": "gone",
                    },
                ],
            ),
            ("assistant", "Done."),
        ],
    ),
    "openai_responses": (
        [
            {"role": "developer", "content": "Answer briefly."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is in these?"},
                    {
                        "type": "input_image",
                        "image_url": "data:image/png;base64,iVBORw0KGgo=",
                        "detail": "auto",
                    },
                    {"type": "input_image", "file_id": "file_1", "detail": "low"},
                    {
                        "type": "input_file",
                        "filename": "visa.pdf",
                        "file_data": "data:application/pdf;base64,JVBERi0=",
                    },
                    {"type": "input_file", "file_url": "https://example.com/a.pdf"},
                    {"type": "input_file", "file_id": "file_2"},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Hm."}],
                "encrypted_content": "gAA",
            },
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"page": 1}'},
            {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "page"},
            {"type": "function_call_output", "call_id": "c1", "output": "A"},
            {
                "type": "function_call_output",
                "call_id": "c2",
                "output": [
                    {"type": "input_text", "text": "B"},
                    {"type": "input_image", "image_url": "https://example.com/b.png"},
                ],
            },
            {
                "type": "message",
                "role": "assistant",
                "id": "m",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "So.", "annotations": []},
                    {"type": "refusal", "refusal": "No more."},
                ],
            },
        ],
        [
            ("developer", "Answer briefly."),
            (
                "user",
                [
                    {"type": "text", "text": "What is in these?"},
                    {"type": "image", "data": "iVBORw0KGgo=", "media_type": "image/png"},
                    {"type": "image", "file_id": "file_1", "provider": "openai"},
                    {"type": "file", "data": "JVBERi0=", "media_type": "application/pdf", "name": "visa.pdf"},
                    {"type": "file", "url": "https://example.com/a.pdf"},
                    {"type": "file", "file_id": "file_2", "provider": "openai"},
                ],
            ),
            (
                "assistant",
                [
                    {
                        "type": "reasoning",
                        "provider": "openai",
                        "id": "rs_1",
                        "text": "Hm.",
                        "encrypted": "gAA",
                    },
                    {"type": "tool_call", "id": "c1", "name": "look", "arguments": '{"page": 1}'},
                    {"type": "tool_call", "id": "c2", "name": "look", "arguments": "page"},
                ],
            ),
            ("tool", [{"type": "tool_result", "call_id": "c1", "content": "A"}]),
            (
                "tool",
                [
                    {
                        "type": "tool_result",
                        "call_id": "c2",
                        "content": [
                            {"type": "text", "text": "B"},
                            {"type": "image", "url": "https://example.com/b.png"},
                        ],
                    }
                ],
            ),
            (
                "assistant",
                [{"type": "text", "text": "So."}, {"type": "refusal", "text": "No more.", "continues": True}],
            ),
        ],
    ),
    "vercel": (
        [
            {
                "id": "1",
                "role": "user",
                "parts": [
                    {"type": "text", "text": "What is in these?"},
                    {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,iVBORw0KGgo="},
                    {
                        "type": "file",
                        "mediaType": "application/pdf",
                        "filename": "visa.pdf",
                        "url": "https://example.com/a.pdf",
                    },
                    {"type": "file", "mediaType": "audio/wav", "url": "data:audio/wav;base64,UklGRg=="},
                ],
            },
            {
                "id": "2",
                "role": "assistant",
                "parts": [
                    {"type": "step-start"},
                    {"type": "reasoning", "text": "Hm."},
                    {
                        "type": "tool-look",
                        "toolCallId": "c1",
                        "state": "output-available",
                        "input": {"page": 1},
                        "output": "A",
                    },
                    {
                        "type": "tool-look",
                        "toolCallId": "c2",
                        "state": "output-error",
                        "input": {},
                        "errorText": "gone",
                    },
                    {
                        "type": "dynamic-tool",
                        "toolName": "find",
                        "toolCallId": "c3",
                        "state": "input-available",
                        "input": {"q": "x"},
                    },
                    {"type": "step-start"},
                    {"type": "text", "text": "So."},
                ],
            },
        ],
        [
            (
                "user",
                [
                    {"type": "text", "text": "What is in these?"},
                    {"data": "iVBORw0KGgo=", "media_type": "image/png", "type": "image"},
                    {
                        "url": "https://example.com/a.pdf",
                        "type": "file",
                        "media_type": "application/pdf",
                        "name": "visa.pdf",
                    },
                    {"data": "UklGRg==", "media_type": "audio/wav", "type": "audio"},
                ],
            ),
            (
                "assistant",
                [
                    {"type": "other", "format": "vercel", "value": {"type": "step-start"}},
                    {"type": "reasoning", "text": "Hm."},
                    {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"page": 1}},
                    {"type": "tool_result", "call_id": "c1", "content": "A"},
                    {"type": "tool_call", "id": "c2", "name": "look", "arguments": {}},
                    {"type": "tool_result", "call_id": "c2", "content": "gone", "is_error": True},
                    {
                        "type": "tool_call",
                        "id": "c3",
                        "name": "find",
                        "arguments": {"q": "x"},
                        "dynamic": True,
                    },
                    {"type": "other", "format": "vercel", "value": {"type": "step-start"}},
                    {"type": "text", "text": "So."},
                ],
            ),
        ],
    ),
}
"""What comes in, and what of it everybody else sees: search, people and the other providers."""

REFUSED: list[tuple[Provider, Any, str]] = [
    ("openai", {"role": "user"}, r"^messages: must be a list"),
    ("openai", {"role": "user"}, "put this message into one$"),
    (
        "openai",
        {"choices": [{"message": {}}]},
        r"; of an answer give the message of its choices\[0\] in one$",
    ),
    ("openai", {"model": "m", "messages": []}, "; give the one that is called messages$"),
    ("openai_responses", {"object": "response", "output": []}, "; give the one that is called output$"),
    ("openai", ["hi"], r"^messages\[0\]: must be an object"),
    ("openai", [{"content": "hi"}], r"^messages\[0\]\.role: is missing"),
    ("openai", [{"role": "user"}], r"^messages\[0\]\.content: is missing"),
    (
        "openai",
        [{"role": "robot", "content": "hi"}],
        r"^messages\[0\]\.role: must be one of developer, system",
    ),
    ("openai", [{"role": "user", "content": 3}], r"^messages\[0\]\.content: must be a string or a list"),
    (
        "openai",
        [{"role": "user", "content": [{"text": "a"}]}],
        r"^messages\[0\]\.content\[0\]\.type: is missing",
    ),
    (
        "openai",
        [{"role": "user", "content": [{"type": "text"}]}],
        r"^messages\[0\]\.content\[0\]\.text: is missing",
    ),
    ("openai", [{"role": "tool", "content": "a"}], r"^messages\[0\]\.tool_call_id: is missing"),
    (
        "openai",
        [{"role": "assistant", "tool_calls": [{"id": "a"}]}],
        r"^messages\[0\]\.tool_calls\[0\]\.function",
    ),
    ("openai", [{"role": "user", "content": "a", "x": float("nan")}], "^messages: holds NaN"),
    (
        "anthropic",
        [{"role": "tool", "content": "a"}],
        r"^messages\[0\]\.role: must be one of user, assistant",
    ),
    ("anthropic", [{"role": "user"}], r"^messages\[0\]\.content: is missing"),
    ("openai_responses", [{"role": "robot", "content": "hi"}], r"^messages\[0\]\.role: must be one of "),
    ("vercel", [{"id": "1", "role": "robot", "parts": []}], r"^messages\[0\]\.role: must be one of "),
    ("anthropic", {"system": 3, "messages": []}, "^system: must be a string or a list"),
    (
        "anthropic",
        [{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "tool_result"}]}],
        r"^messages\[1\]\.content\[0\]\.tool_use_id: is missing",
    ),
    (
        "anthropic",
        [{"role": "user", "content": [{"type": "image"}]}],
        r"^messages\[0\]\.content\[0\]\.source",
    ),
    ("gemini", [{"role": "user", "parts": "hi"}], r"^messages\[0\]\.parts: must be a list"),
    ("gemini", [{"role": 3, "parts": []}], r"^messages\[0\]\.role: must be user or model"),
    (
        "gemini",
        [{"parts": [{"functionCall": 3}]}],
        r"^messages\[0\]\.parts\[0\]\.functionCall: must be an object",
    ),
    ("openai_responses", [{}], r"^messages\[0\]\.type: is missing"),
    ("openai_responses", [{"type": "function_call"}], r"^messages\[0\]\.call_id: is missing"),
    ("openai_responses", [{"role": "user"}], r"^messages\[0\]\.content: is missing"),
    ("vercel", [{"id": "a", "role": "user"}], r"^messages\[0\]\.parts: is missing"),
    ("vercel", [{"id": "a", "role": "user", "parts": [{}]}], r"^messages\[0\]\.parts\[0\]\.type: is missing"),
    ("vercel", [{"role": "user", "parts": [{"type": "tool-f"}]}], r"^messages\[0\]\.parts\[0\]\.toolCallId"),
]


@pytest.mark.parametrize(("provider", "payload", "problem"), REFUSED)
def test_what_is_malformed_is_refused_with_its_place(provider: Provider, payload: Any, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        INCOMING[provider](payload, "messages")


@pytest.mark.parametrize(("provider", "name", "payload"), BY_HAND, ids=IDS)
def test_a_format_is_detected(provider: Provider, name: str, payload: Any) -> None:
    if (provider, name) == ("anthropic", "plain text"):  # which many providers share
        assert detect(payload) == "openai"
    else:
        assert detect(payload) == provider


SHARED: list[tuple[Any, str]] = [
    ([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}], "openai"),
    ([{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "openai"),
    ([], "openai"),
    ("hi", "openai"),
    ([3, None], "openai"),
    ([{"role": "user", "content": "hi", "token_count": 3}], "recollect"),
    (
        [{"role": "tool", "content": [{"type": "tool_result", "call_id": "a", "content": ""}]}],
        "recollect",
    ),
    ([{"role": "user", "content": [{"type": "image", "url": "https://example.com"}]}], "recollect"),
    ({"messages": []}, "anthropic"),
    ({"messages": [{"role": "user", "content": "hi"}]}, "anthropic"),
    ({"messages": [{"role": "assistant", "content": "a", "tool_calls": [{"id": "1"}]}]}, "openai"),
    ({"contents": []}, "gemini"),
    ([{"role": "user", "parts": []}], "gemini"),
    ([{"id": "a", "role": "user", "parts": []}], "vercel"),
]


@pytest.mark.parametrize(("payload", "format"), SHARED)
def test_what_several_formats_share_is_detected_as_stated(payload: Any, format: str) -> None:
    assert detect(payload) == format


GARBAGE: list[Any] = [
    3,
    {
        "openai": 3,
        "anthropic": [],
        "gemini": {"set": 3, "unset": {}, "style": []},
        "vercel": {"set": {"": 3}},
    },
    {
        name: {"set": {"": [3, {}], "/0": 1, "/0/content/99": 2, "/x/~2": 3, "/0/role": None}}
        for name in PROVIDERS
    },
    {name: {"unset": ["", "/0/role", "/0/content", "/0/parts", 3, None]} for name in PROVIDERS},
    {
        name: {"set": {"/0/content": 3, "/0/parts": 3, "/0/role": "x"}, "style": "inline"}
        for name in PROVIDERS
    },
]


@pytest.mark.parametrize("native", GARBAGE)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_whatever_a_caller_wrote_into_native_is_survived(provider: Provider, native: Any) -> None:
    for role in ("user", "assistant", "system"):
        message = NewMessage(role, [{"type": "text", "text": "hi", "native": native}])
        for exact in (True, False):
            OUTGOING[provider](stored([message, NewMessage("user", "ho")]), exact=exact)


@pytest.mark.parametrize("kind", sorted(kinds(BetaContentBlockParam) - {"text"}))
def test_every_block_that_anthropic_publishes_is_detected(kind: str) -> None:
    block: dict[str, Any] = {"type": kind, "tool_use_id": "t", "source": {}}
    assert detect([{"role": "assistant", "content": [block]}]) == "anthropic"


def test_a_text_with_citations_is_anthropics() -> None:
    block = {"type": "text", "text": "At noon.", "citations": None}
    assert detect([{"role": "assistant", "content": [block]}]) == "anthropic"


@pytest.mark.parametrize("kind", sorted(kinds(ResponseInputItemParam) - {"message"}))
def test_every_item_that_openai_publishes_is_taken_for_one(kind: str) -> None:
    assert "no known format" not in refusal([{"type": kind}])  # it lacks fields, and they are OpenAI's


def refusal(payload: list[Any]) -> str:
    try:
        messages_from(payload)
    except InvalidArgument as error:
        return str(error)
    return ""


def meant(content: Any) -> Any:
    """Without what only its own provider gets back."""
    if isinstance(content, list):
        return [meant(part) for part in cast("list[Any]", content)]
    if isinstance(content, dict):
        parts = cast("dict[str, Any]", content)
        return {name: meant(value) for name, value in parts.items() if name != "native"}
    return content


@pytest.mark.parametrize("provider", MEANT)
def test_what_a_provider_s_messages_mean_is_kept_in_parts_of_our_own(provider: Provider) -> None:
    payload, expected = MEANT[provider]
    messages = INCOMING[provider](payload, "messages")
    assert [(message.role, meant(message.content)) for message in messages] == expected
