from __future__ import annotations

from typing import Any

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
