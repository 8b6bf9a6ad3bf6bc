"""Payloads of every format: written by hand, and made from the published types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from anthropic.types import MessageParam, TextBlockParam
from anthropic.types.beta import BetaMessageParam
from google.genai.types import Content
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import ResponseInputItemParam

from recollect.history.formats.rendered import PROVIDERS, Provider, Rendered
from tests.history.formats.published import JSON, TEXT, lists_of

_FOLDER = Path(__file__).with_name("fixtures")

BY_HAND: list[tuple[Provider, str, Any]] = [
    (provider, name, payload)
    for provider in PROVIDERS
    for name, payload in json.loads((_FOLDER / f"{provider}.json").read_text()).items()
]
"""(format, what it shows, payload)"""

IDS = [f"{provider}: {name}" for provider, name, _ in BY_HAND]


def _request(
    messages: st.SearchStrategy[Any], name: str, system: str, prompts: st.SearchStrategy[Any]
) -> Any:
    whole = st.fixed_dictionaries({name: messages}, optional={system: prompts})
    return messages | whole


_METADATA = st.dictionaries(TEXT, st.dictionaries(TEXT, JSON, max_size=1), max_size=1)
_STATES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "input-streaming": {},
    "input-available": {"input": JSON},
    "approval-requested": {"input": JSON, "approval": st.fixed_dictionaries({"id": TEXT})},
    "approval-responded": {
        "input": JSON,
        "approval": st.fixed_dictionaries({"id": TEXT, "approved": st.booleans()}, optional={"reason": TEXT}),
    },
    "output-available": {"input": JSON, "output": JSON},
    "output-error": {"input": JSON, "errorText": TEXT},
    "output-denied": {
        "input": JSON,
        "approval": st.fixed_dictionaries({"id": TEXT, "approved": st.just(False)}),
    },
}


def _part(kind: st.SearchStrategy[str], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    rest = {"providerMetadata": _METADATA, "state": st.sampled_from(["streaming", "done"]), "x-unknown": JSON}
    return st.fixed_dictionaries({"type": kind, **fields}, optional=rest)


def _tools() -> list[st.SearchStrategy[Any]]:
    rest = {"title": TEXT, "providerExecuted": st.booleans(), "callProviderMetadata": _METADATA}
    named = [
        {"type": TEXT.map(lambda name: f"tool-{name}")},
        {"type": st.just("dynamic-tool"), "toolName": TEXT},
    ]
    return [
        st.fixed_dictionaries({**name, "toolCallId": TEXT, "state": st.just(state), **fields}, optional=rest)
        for state, fields in _STATES.items()
        for name in named
    ]


_UI_PART = st.one_of(
    _part(st.just("text"), text=TEXT),
    _part(st.just("reasoning"), text=TEXT),
    _part(st.just("source-url"), sourceId=TEXT, url=TEXT),
    _part(st.just("file"), mediaType=st.sampled_from(["image/png", "text/csv", "audio/wav"]), url=TEXT),
    _part(st.just("data-x"), data=JSON),
    st.just({"type": "step-start"}),
    *_tools(),
)
_UI_MESSAGE = st.fixed_dictionaries(
    {
        "id": TEXT,
        "role": st.sampled_from(["system", "user", "assistant"]),
        "parts": st.lists(_UI_PART, max_size=4),
    },
    optional={"metadata": JSON},
)

PUBLISHED: dict[Provider, st.SearchStrategy[Any]] = {
    "openai": lists_of(ChatCompletionMessageParam),
    "openai_responses": lists_of(ResponseInputItemParam),
    "anthropic": _request(
        lists_of(MessageParam) | lists_of(BetaMessageParam),
        "messages",
        "system",
        TEXT | lists_of(TextBlockParam),
    ),
    "gemini": _request(
        lists_of(Content), "contents", "systemInstruction", TEXT | lists_of(Content).map(lambda c: c[0])
    ),
    "vercel": st.lists(_UI_MESSAGE, min_size=1, max_size=3),
}
"""Valid in the types of the provider's SDK; for Vercel, which has none in Python, in its documented ones."""

LIST_FIELDS: dict[Provider, str] = {"anthropic": "messages", "gemini": "contents"}
SYSTEM_FIELDS: dict[Provider, str] = {"anthropic": "system", "gemini": "systemInstruction"}


def as_payload(provider: Provider, rendered: Rendered, given: Any) -> Any:
    """What was rendered, in the shape of what was given: a list, or a request."""
    if isinstance(given, list):
        assert rendered.system is None
        return rendered.messages
    found: dict[str, Any] = {LIST_FIELDS[provider]: rendered.messages}
    if SYSTEM_FIELDS[provider] in given:
        found[SYSTEM_FIELDS[provider]] = rendered.system
    return found
