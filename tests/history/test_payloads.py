"""Messages in whatever shape a caller has them become messages to append."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from anthropic.types import Message as AnthropicMessage
from google.genai.types import Content as GeminiContent
from openai.types.chat import ChatCompletionMessage
from pydantic import BaseModel

from recollect.history.formats.providers import INCOMING
from recollect.history.formats.rendered import Provider
from recollect.history.history import History
from recollect.history.payloads import PAYLOAD_FORMATS, PayloadFormat, messages_from
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage
from tests.history.formats.payloads import BY_HAND, IDS


@pytest.mark.parametrize(("provider", "name", "payload"), BY_HAND, ids=IDS)
def test_a_providers_payload_is_read_as_that_providers(provider: Provider, name: str, payload: Any) -> None:
    kept = copy.deepcopy(payload)
    expected = INCOMING[provider](kept, "messages")
    assert messages_from(payload, provider) == expected
    if (provider, name) == ("anthropic", "plain text"):  # which many providers share
        assert messages_from(payload) == [
            NewMessage("user", "Hello"),
            NewMessage("assistant", [{"type": "text", "text": "Hi!"}]),
        ]
    else:
        assert messages_from(payload) == expected
    assert payload == kept


OURS: list[Any] = [
    [{"role": "user", "content": "hi"}],
    [{"role": "system", "content": ""}, {"role": "tool", "content": "a result without a call"}],
    [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "ho"}]}],
    [{"role": "user", "content": "hi", "author": "Ana", "metadata": {"n": 1}, "token_count": 3}],
    [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [{"type": "tool_call", "id": "1", "name": "f", "arguments": {}}],
        },
        {"role": "tool", "content": [{"type": "tool_result", "call_id": "1", "content": "x"}]},
    ],
    [{"role": "user", "content": [{"type": "image", "url": "https://example.com/a.png"}]}],
    [],
]


@pytest.mark.parametrize("payload", OURS)
def test_our_own_messages_and_plain_words_stay_as_they_are(payload: Any) -> None:
    expected = [NewMessage(**entry) for entry in payload]
    assert messages_from(payload) == messages_from(payload, "recollect") == expected


async def test_plain_words_come_back_as_they_were_given(history: History) -> None:
    c = (await history.create()).id
    payload = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    await history.append(c, messages_from(payload))
    assert [
        {"role": message.role, "content": message.content}
        for message in (await history.list_messages(c)).messages
    ] == payload
    for format in ("openai", "anthropic"):
        assert (await history.context(c, format=format)).messages == payload


REFUSED: list[tuple[Any, PayloadFormat, str]] = [
    ({"role": "user"}, "recollect", r"messages: must be a list such as"),
    ("hi", "auto", "messages: must be a list"),
    (None, "auto", "messages: must be a list"),
    ([3], "auto", r"messages\[0\]: must be an object"),
    ([3], "recollect", r"messages\[0\]: must be an object such as"),
    ([{"content": "hi"}], "recollect", r"messages\[0\]\.role: is missing"),
    ([{"role": "user"}], "auto", r"messages\[0\]\.content: is missing"),
    (
        [{"role": "user", "content": "a"}, {"role": "user", "text": "b"}],
        "recollect",
        r"messages\[1\]: has no field \"text\"",
    ),
    (
        [{"role": "user", "content": "a", "occurred_at": "yesterday"}],
        "recollect",
        r"messages\[0\]\.occurred_at: must be ISO 8601",
    ),
    ([{"role": "tool", "content": "a", "tool_call_id": 3}], "auto", r"messages\[0\]\.tool_call_id: must be"),
    (
        [
            {"role": "user", "content": "a"},
            {"role": "user", "content": [{"type": "tool_use", "id": "1", "input": {}}]},
        ],
        "auto",
        r"messages\[1\]\.content\[0\]\.name: is missing",
    ),
    (
        [{"role": "user", "content": "a"}, {"role": "user", "parts": [{"text": 3}]}],
        "gemini",
        r"messages\[0\]\.parts: is missing",
    ),
    ([{"id": "x"}, {"type": "nonsense"}], "auto", "messages: holds messages of no known format"),
    ([{"role": "robot", "content": [{"type": "image_url"}]}], "auto", r".* \(taken for openai; name another"),
    ([{"role": "user", "content": "a"}], "vercel", r"messages\[0\]\.parts: is missing"),
    ([{"role": "robot", "content": "a"}], "openai", r"messages\[0\]\.role: must be one of"),
    ([{"role": "user", "content": float("nan")}], "anthropic", "messages: holds NaN"),
]


@pytest.mark.parametrize(("payload", "format", "problem"), REFUSED)
def test_what_is_malformed_is_refused_with_its_place(
    payload: Any, format: PayloadFormat, problem: str
) -> None:
    with pytest.raises(InvalidArgument, match=f"^{problem}"):
        messages_from(payload, format)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"role": "robot", "content": "a"}, r"messages\[0\]\.role: must be one of"),
        ({"role": "user", "content": 3}, r"messages\[0\]\.content: must be a string or a list"),
        ({"role": "user", "content": None}, r"messages\[0\]\.content: must be a string or a list"),
        ({"role": "user", "content": [3]}, r"messages\[0\]\.content\[0\]: must be an object"),
        ({"role": "user", "content": [{"type": "text", "text": 3}]}, r"messages\[0\]\.content\[0\]\.text"),
    ],
)
async def test_what_passes_for_plain_words_is_checked_when_it_is_appended(
    history: History, entry: Any, problem: str
) -> None:
    c = (await history.create()).id
    with pytest.raises(InvalidArgument, match=f"^{problem}"):
        await history.append(c, messages_from([entry]))
    assert (await history.get(c)).last_seq == 0


def test_errors_give_the_payload_the_name_that_its_caller_knows() -> None:
    with pytest.raises(InvalidArgument, match=r"^body\.items\[0\]\.role: is missing"):
        messages_from([{"content": "x"}], "recollect", "body.items")
    with pytest.raises(InvalidArgument, match=r"^body\.items\[0\]: must be an object"):
        messages_from([3], "openai", "body.items")


def test_an_unknown_format_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidArgument, match=r"^format: must be one of auto, recollect, openai"):
        messages_from([], "html")  # pyright: ignore[reportArgumentType]
    assert set(PAYLOAD_FORMATS) == {"auto", "recollect", *INCOMING}


CALL: dict[str, Any] = {"type": "tool_use", "id": "c", "name": "look", "input": {"at": "Porto"}}
SAID_BY_AN_SDK = [
    ChatCompletionMessage.model_validate(
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
        }
    ),
    AnthropicMessage.model_validate(
        {"role": "assistant", "type": "message", "content": [CALL]}
        | dict.fromkeys(("id", "model"), "x")
        | {"stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    ),
    GeminiContent.model_validate(
        {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"at": "Porto"}}}]}
    ),
]


@pytest.mark.parametrize("said", SAID_BY_AN_SDK, ids=lambda said: type(said).__module__.partition(".")[0])
def test_an_object_of_an_sdk_is_refused_with_what_makes_json_of_it(said: BaseModel) -> None:
    with pytest.raises(InvalidArgument) as refused:
        messages_from([said])
    assert str(refused.value).startswith(
        f"messages: holds a Python {type(said).__name__}, which JSON has not"
    )
    assert '; pass what its model_dump(mode="json", exclude_unset=True) gives' in str(refused.value)
    (message,) = messages_from([said.model_dump(mode="json", exclude_unset=True)])
    assert [part["name"] for part in message.content if isinstance(part, dict)] == ["look"]
