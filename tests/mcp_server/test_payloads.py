"""An agent hands over what it has, in its provider's format, and gets the same back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recollect.history.formats.rendered import Provider, Rendered
from recollect.history.store import Recollect
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
