"""Searching by what messages are about, beside their words."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recollect.db.sql import load
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage
from recollect.models.search import SearchPage
from recollect.settings import Settings
from tests.semantic.conftest import settings
from tests.semantic.provider import Provider, as_numbers

SAID = {
    "garage": "The automobile is broken again.",
    "clinic": "My physician wants to see me on Monday.",
    "beach": "We booked two weeks of vacation in Brittany.",
    "pay": "The wages arrive on the last day of a month.",
    "cook": "Soup is ready when onions are soft.",
    "tram": "Line twelve stops at the museum.",
    "moon": "An eclipse comes in August.",
}
DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
async def store(configured: Settings) -> AsyncGenerator[Recollect]:
    """Alice has a conversation for each of these; bob too, and says whose they are."""
    async with Recollect.open(configured) as opened:
        for user in ("alice", "bob"):
            history = opened.for_user(user)
            for day, (id, text) in enumerate(SAID.items()):
                await history.create(id=id)
                said = NewMessage("user", f"{text} ({user})", occurred_at=DAY + timedelta(days=day))
                await history.append(id, said)
            await opened.embed(user)
        yield opened


@pytest.fixture(scope="module")
def said(store: Recollect) -> History:
    return store.for_user("alice")


def ids(page: SearchPage) -> list[str]:
    return [hit.conversation_id for hit in page.hits]


@pytest.mark.parametrize(
    ("query", "first"),
    [("is the vehicle defekt?", "garage"), ("arzt", "clinic"), ("when do we go on holiday?", "beach")],
)
async def test_a_message_is_found_that_shares_no_word_with_the_query(
    said: History, shared_store: Recollect, query: str, first: str
) -> None:
    assert ids(await said.search(query))[:1] == [first]
    assert first not in ids(await shared_store.for_user("alice").search(query))


async def test_who_looks_for_a_word_finds_the_message_that_holds_it_first(said: History) -> None:
    assert ids(await said.search("eclipse"))[0] == "moon"
    assert ids(await said.search("museum vehicle"))[:2] == ["tram", "garage"]


async def test_another_user_s_messages_are_as_if_they_were_not_there(store: Recollect) -> None:
    for user in ("alice", "bob"):
        page = await store.for_user(user).search("is the vehicle defekt?")
        assert page.hits
        assert all(f"({user})" in hit.snippet for hit in page.hits)
    assert ids(await store.for_user("carol").search("is the vehicle defekt?")) == []


@pytest.mark.parametrize(
    "filters",
    [
        {"exclude": "garage"},
        {"conversation_id": "pay"},
        {"role": "assistant"},
        {"until": DAY},
        {"since": DAY + timedelta(days=1)},
    ],
    ids=str,
)
async def test_filters_hold(said: History, filters: dict[str, Any]) -> None:
    assert "garage" not in ids(await said.search("vehicle defekt", **filters))


@pytest.mark.parametrize(
    "query",
    [
        "vehicle -broken",
        "vehicle -automobiles",
        'vehicle -"is broken again"',
        '"a vehicle"',
        'vehicle "on the moon"',
    ],
)
async def test_what_a_query_excludes_or_demands_holds(said: History, query: str) -> None:
    assert "garage" in ids(await said.search("vehicle"))
    assert "garage" not in ids(await said.search(query))


async def test_what_is_excluded_is_not_asked_about(said: History, provider: Provider) -> None:
    await said.search('wagen -physician "on Monday" -"secret words"')
    assert provider.asked[-1] == ["wagen on Monday"]


async def test_the_trash_is_not_searched(said: History) -> None:
    await said.delete("garage")
    try:
        assert "garage" not in ids(await said.search("vehicle defekt"))
    finally:
        await said.restore("garage")
    assert ids(await said.search("vehicle defekt"))[0] == "garage"


async def test_a_query_of_common_words_is_refused_as_ever(said: History) -> None:
    with pytest.raises(InvalidArgument, match="rarer word"):
        await said.search("what is this")


async def test_pages_go_on_where_the_last_one_ended(store: Recollect) -> None:
    history = store.for_user("paging")
    await history.create(id="talk")
    texts = [f"{'tree' if n % 4 else 'automobile'} {n} {'parked' if n % 2 else 'gone'}" for n in range(60)]
    await history.append("talk", [NewMessage("user", text) for text in texts])
    await store.embed("paging")
    whole = [hit.seq for hit in (await history.search("parked vehicle", limit=50)).hits]
    assert len(whole) == 45  # thirty by their words and fifteen that share none
    seen: list[int] = []
    cursor = None
    while not seen or cursor is not None:
        page = await history.search("parked vehicle", limit=7, cursor=cursor)
        seen += [hit.seq for hit in page.hits]
        cursor = page.next_cursor
    assert seen == whole


async def test_a_list_that_began_with_meaning_goes_on_when_the_provider_fails(
    store: Recollect, vector_url: str, provider: Provider
) -> None:
    first = await store.for_user("paging").search("parked vehicle", limit=7)
    assert first.next_cursor is not None
    provider.answer = lambda body: (500, b"")
    try:
        async with Recollect.open(settings(vector_url, provider)) as other:  # it has not asked this before
            page = await other.for_user("paging").search("parked vehicle", limit=7, cursor=first.next_cursor)
            assert page.hits
            assert page.next_cursor is not None
            provider.works()
            last = await other.for_user("paging").search("parked vehicle", limit=7, cursor=page.next_cursor)
            # From then on it is a list by words, although meaning could be had again.
            assert not {hit.seq for hit in last.hits} & {hit.seq for hit in page.hits}
    finally:
        provider.works()


async def test_recall_finds_by_meaning_too(store: Recollect, shared_store: Recollect) -> None:
    recalled: list[list[str]] = []
    for opened in (store, shared_store):
        window = await opened.for_user("alice").context("cook", query="is our vehicle defekt?")
        recalled.append([place.conversation_id for place in window.recalled])
    assert "garage" in recalled[0]
    assert "garage" not in recalled[1]


async def test_the_answer_beside_a_near_question_is_found(store: Recollect) -> None:
    history = store.for_user("asking")
    await history.create(id="talk")
    # Nearer to the question than the answer is, but for what it answers.
    fill = [NewMessage("user", f"Médecin number {n}.") for n in range(20)]
    asked = [NewMessage("user", "Who mends automobile doors?"), NewMessage("assistant", "Ask Pedro.")]
    await history.append("talk", [*fill, *asked, *fill])
    await store.embed("asking")
    found = [hit.seq for hit in (await history.search("vehicle vehicle vehicle repair arzt someone")).hits]
    assert {21, 22} <= set(found[:3])


async def test_numbers_do_as_well_as_base64(vector_url: str, provider: Provider) -> None:
    provider.answer = as_numbers
    try:
        asked = settings(vector_url, provider, embeddings_key="k-1", embeddings_dimensions=64)
        async with Recollect.open(asked) as store:
            history = store.for_user("numbers")
            await history.create(id="talk")
            await history.append("talk", NewMessage("user", "The automobile is broken."))
            await store.embed("numbers")
            assert ids(await history.search("vehicle")) == ["talk"]
            assert provider.headers["Authorization"] == "Bearer k-1"
            assert (provider.bodies[-1]["model"], provider.bodies[-1]["dimensions"]) == ("concepts", 64)
    finally:
        provider.works()


def test_both_searches_mean_the_same_by_the_words_of_a_message() -> None:
    """The expression of the index, which excludes here what it finds there."""
    one, other = (
        re.findall(r"\(replace\(' ' \|\| strip\(.*?::tsvector @@ q\.query", load(name), re.DOTALL)
        for name in ("search_keys_v2", "search_fused_v2")
    )
    assert len(one) == 1
    assert [each.split() for each in one] == [each.split() for each in other]
