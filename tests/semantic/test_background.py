"""Messages get their vectors behind everything else, whatever the provider does."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from recollect.db import embeddings as stored_embeddings
from recollect.db.database import Database
from recollect.db.target import parse_url
from recollect.history.semantic import background
from recollect.history.store import Recollect
from recollect.models.errors import NotReady, Unavailable
from recollect.models.imported import ImportedConversation, ImportedMessage
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.conftest import run_sql
from tests.db.servers import query, wait_until
from tests.semantic.conftest import embedded, has, settings
from tests.semantic.provider import Provider, data, embeddings

SAID = NewMessage("user", "The automobile is broken.")


def asked(provider: Provider, times: int) -> None:
    wait_until(lambda: len(provider.asked) >= times)


async def test_an_append_does_not_wait_for_its_vector(
    configured: Settings, vector_url: str, provider: Provider
) -> None:
    provider.holds()
    async with Recollect.open(configured) as store:
        history = store.for_user("waiting")
        await history.create(id="talk")
        await history.append("talk", SAID)  # returns while the provider answers nobody
        await asyncio.to_thread(provider.arrived.acquire)
        await history.append("talk", [SAID, SAID])
        assert await asyncio.to_thread(embedded, vector_url, "waiting") == 0
        provider.gate.set()
        await has(vector_url, "waiting", 3)


async def test_forks_and_imports_and_turns_get_theirs(configured: Settings, vector_url: str) -> None:
    async with Recollect.open(configured) as store:
        history = store.for_user("ways")
        turn = await history.open_turn(SAID, key="k")
        await history.append(turn.conversation_id, SAID)
        await has(vector_url, "ways", 2)
        await history.fork(turn.conversation_id)
        await has(vector_url, "ways", 4)
        theirs = ImportedConversation("chatgpt", "theirs", [ImportedMessage("1", None, SAID)])
        assert len([report async for report in history.import_conversations([theirs])]) == 1
        await has(vector_url, "ways", 5)


async def test_what_a_tool_gave_back_and_blank_texts_are_not_sent(
    configured: Settings, vector_url: str, provider: Provider
) -> None:
    async with Recollect.open(configured) as store:
        history = store.for_user("kinds")
        await history.create(id="talk")
        blank = NewMessage("assistant", [{"type": "image", "url": "https://example.com/x.png"}])
        await history.append("talk", [SAID, NewMessage("tool", "private rows"), blank])
        await store.embed("kinds")
        assert await store.embed("kinds") == 0
        assert "private rows" not in provider.texts()
        assert all(text.strip() for text in provider.texts())


async def test_only_the_beginning_of_a_message_is_sent(configured: Settings, provider: Provider) -> None:
    async with Recollect.open(configured) as store:
        history = store.for_user("long")
        await history.create(id="talk")
        await history.append("talk", NewMessage("user", "wagen " * 10_000))
        await store.embed("long")
        assert max(map(len, provider.texts())) == background.MAX_CHARS


async def test_a_store_closes_while_the_provider_keeps_it_waiting_and_the_next_one_goes_on(
    configured: Settings, vector_url: str, provider: Provider
) -> None:
    provider.holds()
    async with Recollect.open(configured) as store:
        history = store.for_user("closing")
        await history.create(id="talk")
        await history.append("talk", [SAID] * 3)
        await asyncio.to_thread(provider.arrived.acquire)
    assert await asyncio.to_thread(embedded, vector_url, "closing") == 0
    provider.works()
    async with Recollect.open(configured) as store:
        await store.for_user("closing").append("talk", SAID)
        await has(vector_url, "closing", 4)


async def test_what_a_killed_process_left_is_made_by_the_next_that_meets_the_user(
    configured: Settings, vector_url: str, shared_store: Recollect
) -> None:
    """And what was there before embeddings were configured."""
    history = shared_store.for_user("left")  # a store without embeddings
    for id in ("one", "two"):
        await history.create(id=id)
        await history.append(id, [NewMessage("user", f"{id} automobile {n}") for n in range(40)])
    async with Recollect.open(configured) as store:
        await store.embed("left")
        holes = "DELETE FROM recollect.embedding WHERE user_id = 'left' AND seq % 3 = 0"
        await asyncio.to_thread(run_sql, vector_url, holes)
    async with Recollect.open(configured) as store:
        await store.for_user("left").search("vehicle")
        await has(vector_url, "left", 80)


async def test_a_provider_that_comes_back_finds_everything_that_is_missing(
    configured: Settings, vector_url: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.01)
    provider.answer = lambda body: (503, b"")
    async with Recollect.open(configured) as store:
        history = store.for_user("away")
        for id in ("one", "two"):
            await history.create(id=id)
            await history.append(id, [SAID] * 3)
        before = len(provider.asked)

        await asyncio.to_thread(asked, provider, before + 2)
        assert await asyncio.to_thread(embedded, vector_url, "away") == 0
        with pytest.raises(Unavailable, match="answered 503"):
            await store.embed("away")
        provider.works()
        await has(vector_url, "away", 6)


async def test_a_vector_of_another_model_or_length_is_not_compared_and_made_anew(
    vector_url: str, provider: Provider
) -> None:
    async with Recollect.open(settings(vector_url, provider)) as store:
        history = store.for_user("models")
        await history.create(id="talk")
        await history.append("talk", [SAID, NewMessage("user", "Soup.")])
        await store.embed("models")
        await has(vector_url, "models", 2)
    other = settings(vector_url, provider, embeddings_model="other")
    provider.answer = lambda body: data([[1.0, 2.0, 3.0] for _ in body["input"]])
    async with Recollect.open(other) as store:
        assert len((await store.for_user("models").search("automobile")).hits) >= 1
        await store.embed("models")
        await has(vector_url, "models", 2)
        others = "model = 'other' AND cardinality(vector) = 3"
        assert await asyncio.to_thread(embedded, vector_url, "models", others) == 2
    provider.works()  # the same name, now with vectors of another length
    async with Recollect.open(other) as store:
        assert len((await store.for_user("models").search("automobile")).hits) == 1


async def test_vectors_of_a_model_of_another_name_are_not_compared(
    vector_url: str, provider: Provider
) -> None:
    async with Recollect.open(settings(vector_url, provider)) as store:
        history = store.for_user("names")
        await history.create(id="talk")
        await history.append("talk", [SAID, NewMessage("user", "Soup.")])
        await store.embed("names")
        assert (await history.search("vehicle")).hits[0].seq == 1
    provider.answer = lambda body: embeddings(body) if body["input"] == ["vehicle"] else (503, b"")
    async with Recollect.open(settings(vector_url, provider, embeddings_model="renamed")) as store:
        assert (await store.for_user("names").search("vehicle")).hits == []


async def test_what_is_erased_has_no_vector_left(configured: Settings, vector_url: str) -> None:
    async with Recollect.open(configured) as store:
        history = store.for_user("erased")
        for id in ("one", "two"):
            await history.create(id=id)
            await history.append(id, SAID)
        await store.embed("erased")
        await has(vector_url, "erased", 2)
        assert (await history.purge("one")).messages == 1
        assert await asyncio.to_thread(embedded, vector_url, "erased") == 1
        erased = await history.erase_user()
        assert (erased.conversations, erased.messages) == (1, 1)
        assert await asyncio.to_thread(embedded, vector_url, "erased") == 0


async def test_a_vector_does_not_go_to_the_message_that_took_its_message_s_place(
    configured: Settings, vector_url: str, provider: Provider
) -> None:
    async with Recollect.open(configured) as store:
        history = store.for_user("places")
        await history.create(id="talk")
        provider.holds()
        await history.append("talk", SAID)
        await asyncio.to_thread(provider.arrived.acquire)
        await history.purge("talk")
        await history.create(id="talk")
        await history.append("talk", NewMessage("user", "Soup is ready."))
        provider.gate.set()
        await has(vector_url, "places", 1)
        cars = "vector[1] > 0.5"
        assert await asyncio.to_thread(embedded, vector_url, "places", cars) == 0


async def test_without_pgvector_everything_is_as_without_embeddings(
    database_url: str, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    asked = len(provider.asked)
    async with Recollect.open(settings(database_url, provider)) as store:
        history = store.for_user("alice")
        await history.create(id="talk")
        await history.append("talk", SAID)
        assert len((await history.search("automobile")).hits) == 1
        with pytest.raises(NotReady, match="lacks pgvector"):
            await store.embed("alice")
    assert len(provider.asked) == asked
    assert "lacks pgvector" in caplog.text
    assert await asyncio.to_thread(embedded, database_url, "alice") == 0


async def test_pgvector_may_be_dropped_while_a_server_runs(database_url: str, provider: Provider) -> None:
    await asyncio.to_thread(run_sql, database_url, "CREATE SCHEMA extensions")
    await asyncio.to_thread(run_sql, database_url, "CREATE EXTENSION vector SCHEMA extensions")
    await asyncio.to_thread(run_sql, database_url, "GRANT USAGE ON SCHEMA extensions TO recollect_app")
    async with Recollect.open(settings(database_url, provider)) as store:
        history = store.for_user("alice")
        await history.create(id="talk")
        await history.append("talk", [SAID, NewMessage("user", "Soup.")])
        await store.embed("alice")
        assert (await history.search("vehicle")).hits[0].seq == 1
        await asyncio.to_thread(run_sql, database_url, "DROP EXTENSION vector")
        assert (await history.search("vehicle")).hits == []
        assert len((await history.search("automobile")).hits) == 1


@pytest.mark.parametrize("before", [None, "another"], ids=["new", "of-another-model"])
async def test_two_that_store_vectors_of_the_same_messages_do_not_deadlock(
    shared_store: Recollect, vector_url: str, before: str | None
) -> None:
    """Each would hold what the other one waits for, if they went through them in the order they got."""
    user = f"twice-{before}"
    history = shared_store.for_user(user)
    # "B" stands before "a" by its bytes, and behind it in most languages.
    for id in ("B", "a"):
        await history.create(id=id)
        await history.append(id, [NewMessage("user", f"{id} {n}") for n in range(3)])
    db = await Database.open(
        parse_url(vector_url), pool_size=2, connect_timeout=5, statement_timeout=30, max_idle=60
    )
    try:
        places = await stored_embeddings.lacking_places(db, user, stored_embeddings.START, "concepts", 10)
        messages = await stored_embeddings.texts(db, user, places, "concepts", 100)
        vectors = [[1.0]] * len(messages)
        if before:
            await stored_embeddings.store(db, user, messages, vectors, before)
        outsider = await asyncpg.connect(**parse_url(vector_url).connect_args)
        try:
            async with outsider.transaction():
                # It holds the one in the middle, so both get as far as they can without the other.
                if before:
                    await outsider.execute(
                        "DELETE FROM recollect.embedding "
                        "WHERE user_id = $1 AND conversation_id = 'a' AND seq = 1",
                        user,
                    )
                else:
                    await outsider.execute(
                        "INSERT INTO recollect.embedding VALUES (1, $1, 'a', 'concepts', '{1}')", user
                    )
                both = [
                    asyncio.create_task(stored_embeddings.store(db, user, some, vectors, "concepts"))
                    for some in (messages, messages[::-1])
                ]
                await asyncio.to_thread(wait_until, lambda: waiting(vector_url) == 2)
        finally:
            await outsider.close()
        await asyncio.gather(*both)
    finally:
        await db.close()
    assert await asyncio.to_thread(embedded, vector_url, user, "model = 'concepts'") == 6


def waiting(url: str) -> int:
    """How many of this database's connections wait for another one's lock."""
    return query(
        url,
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )[0][0]
