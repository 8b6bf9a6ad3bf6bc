"""An agent hands over what it has, in its provider's format, and gets the same back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recollect.history.formats.rendered import Provider, Rendered
from recollect.history.payloads import MOST_ENTRIES, MOST_PARTS
from recollect.history.store import Recollect
from recollect.models.json_values import MAX_VALUES
from tests.history.formats.payloads import BY_HAND, IDS, as_payload
from tests.mcp_server.conftest import connected, text_of

NOT_SENDABLE = {
    ("openai", "empty content"),
    ("openai_responses", "references, compaction and the unknown"),
    ("gemini", "odd contents"),
    ("vercel", "every state of a tool"),
    ("vercel", "sources, files and data"),
}
"""Payloads that hold what the provider itself would refuse, such as an empty message or a call
without its result. They are stored as they are, and windows say what they changed."""


@pytest.mark.parametrize("how", ["named", "detected", "as a string"])
@pytest.mark.parametrize(("provider", "name", "payload"), BY_HAND, ids=IDS)
async def test_what_an_agent_hands_over_comes_back_equal(
    shared_store: Recollect, provider: Provider, name: str, payload: Any, how: str
) -> None:
    id = f"{provider} {name} {how}"
    arguments = {
        "named": {"messages": payload, "format": provider},
        "detected": {"messages": payload},
        "as a string": {"messages": json.dumps(payload), "format": provider},
    }[how]
    async with connected(shared_store) as client:
        await client.call_tool("create_conversation", {"conversation_id": id})
        stored = await client.call_tool("append_messages", {"conversation_id": id} | arguments)
        assert not stored.is_error, text_of(stored)
        loaded = await client.call_tool(
            "load_context", {"conversation_id": id, "format": provider, "max_tokens": 100_000}
        )
    context = json.loads(text_of(loaded))
    if (provider, name) in NOT_SENDABLE:
        assert context.get("lost") or context.get("repairs")
        return
    if how == "detected" and (provider, name) == ("anthropic", "plain text"):  # it is anybody's
        payload = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!"}]
    rendered = Rendered(context["messages"], context.get("system"), [])
    assert as_payload(provider, rendered, payload) == payload
    assert "lost" not in context
    assert "repairs" not in context


async def test_an_unknown_format_is_refused_by_the_schema(shared_store: Recollect) -> None:
    async with connected(shared_store) as client:
        refused = await client.call_tool(
            "append_messages", {"conversation_id": "x", "messages": [], "format": "html"}
        )
    assert refused.is_error
    assert "format" in text_of(refused)


TOO_MUCH: dict[str, tuple[Any, str]] = {
    "messages": ([{"role": "user", "content": "x"}] * (MOST_ENTRIES + 1), "holds 10001 entries"),
    "contents": ({"contents": [{"role": "user", "parts": []}] * (MOST_ENTRIES + 1)}, "holds 10001 entries"),
    "parts": (
        [{"role": "user", "content": [{"type": "text", "text": "x"}] * (MOST_PARTS + 1)}],
        "50001 parts",
    ),
    "values in a string": ("[" + "{}," * MAX_VALUES + "{}]", "more than 2000000 JSON values"),
    "values in strings": (["[" + "{}," * (MAX_VALUES // 2) + "{}]"] * 2, "more than 2000000 JSON values"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
@pytest.mark.parametrize("format", ["auto", "openai_responses"])
async def test_more_than_an_append_takes_is_refused_before_it_is_looked_at(
    what: str, format: str, shared_store: Recollect
) -> None:
    """It would take seconds, in which nobody else is answered, or gigabytes."""
    messages, refusal = TOO_MUCH[what]
    async with connected(shared_store) as client:
        arguments = {"conversation_id": "talk", "messages": messages, "format": format}
        refused = await client.call_tool("append_messages", arguments)
    assert refused.is_error
    assert refusal in text_of(refused)
