"""Finding what was said: in any language, by any of its words, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.message import NewMessage
from recollect.models.search import SearchPage
from recollect.settings import Settings

_CASES = json.loads((Path(__file__).parent / "searched.json").read_text(encoding="utf-8"))

SAID: dict[str, str] = _CASES["said"]
"""Messages by name, each in a conversation of that name."""

FOUND: dict[str, str] = _CASES["found"]
"""A query, and the conversation that comes first."""

NOT_FOUND: list[str] = _CASES["not_found"]


@pytest.fixture(scope="module")
async def said(shared_url: str) -> AsyncGenerator[History]:
    """Alice's history with a conversation for each message above; bob's has the same and more."""
    async with Recollect.open(Settings.model_validate({"database_url": shared_url})) as store:
        for user in ("alice", "bob"):
            history = store.for_user(user)
            for id, text in SAID.items():
                await history.create(id=id, title=f"{user}: {id}")
                await history.append(id, NewMessage("user", text if user == "alice" else f"quixotic: {text}"))
        yield store.for_user("alice")


def ids(page: SearchPage) -> list[str]:
    return [hit.conversation_id for hit in page.hits]


@pytest.mark.parametrize("query", FOUND)
async def test_a_query_finds_the_message_first(said: History, query: str) -> None:
    assert ids(await said.search(query))[:1] == [FOUND[query]]


@pytest.mark.parametrize("query", NOT_FOUND)
async def test_a_query_finds_nothing_where_nothing_fits(said: History, query: str) -> None:
    assert ids(await said.search(query)) == []


@pytest.mark.parametrize("id", SAID)
async def test_a_message_is_found_by_its_own_text(said: History, id: str) -> None:
    assert ids(await said.search(SAID[id]))[0] == id
