"""Every verb as another user: finds nothing, changes nothing, says what it says of what is not there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.conversation import Conversation
from recollect.models.errors import InvalidArgument, RecollectError
from recollect.models.imported import ImportedConversation, ImportedMessage, Stored
from recollect.models.message import NewMessage
from tests.isolation.people import SECRET, Pair, Thing, rows_of, told


@dataclass(frozen=True)
class Row:
    """A call of a verb with all that one may know of somebody's conversation."""

    verb: str
    arguments: Callable[[Thing], dict[str, Any]]


LATER = datetime(2200, 1, 1, tzinfo=UTC)


def exported(its: Thing) -> ImportedConversation:
    """An export of one's own that claims a conversation's id."""
    stored = Conversation(
        its.id or "id", None, None, {}, False, None, None, LATER, LATER, 1, 1, 1, True, None, None
    )
    said = ImportedMessage("1", None, NewMessage("user", "x"), Stored(1, 0, LATER))
    return ImportedConversation("recollect", stored.id, [said], stored=stored)


OF_NO_CONVERSATION = ("erase_user", "export_zip", "stale")
"""Verbs that name none: their answer is the same whosever a conversation is."""

MATRIX = (
    Row("create", lambda its: {"id": its.id, "title": its.title, "instructions": "x", "metadata": {}}),
    Row("get", lambda its: {"id": its.id}),
    Row("list", lambda its: {"title": its.title, "archived": None}),
    Row("list", lambda its: {"title": its.title, "trash": True, "fresh": True}),
    Row("list", lambda its: {"metadata": its.metadata, "pinned": False}),
    Row("list", lambda its: {"cursor": its.cursor, "limit": 1}),
    Row("list", lambda its: {"cursor": its.cursor, "limit": 100}),
    Row("update", lambda its: {"id": its.id, "title": "taken"}),
    Row("update", lambda its: {"id": its.id, "title": None, "instructions": None}),
    Row("update", lambda its: {"id": its.id, "metadata": {"taken": True}}),
    Row("update", lambda its: {"id": its.id, "pinned": True, "archived": True}),
    Row("update", lambda its: {"id": its.id, "head": 1, "restore": True}),
    Row("delete", lambda its: {"id": its.id}),
    Row("restore", lambda its: {"id": its.id}),
    Row("purge", lambda its: {"id": its.id}),
    Row("erase_user", lambda its: {}),
    Row("append", lambda its: {"id": its.id, "new": NewMessage("user", "x")}),
    Row("append", lambda its: {"id": its.id, "new": [NewMessage("user", "x")] * 2, "key": its.key}),
    Row("append", lambda its: {"id": its.id, "new": NewMessage("user", "x"), "expected_head": 3}),
    Row("append", lambda its: {"id": its.id, "new": NewMessage("user", "x"), "expected_head": 1}),
    Row(
        "append",
        lambda its: {
            "id": its.id,
            "new": NewMessage("user", "x"),
            "expected_head": 1,
            "on_conflict": "branch",
        },
    ),
    Row("append", lambda its: {"id": its.id, "new": NewMessage("user", "x"), "after_seq": 1}),
    Row("open_turn", lambda its: {"id": its.id, "message": NewMessage("user", "x"), "key": "its"}),
    Row(
        "open_turn",
        lambda its: {
            "id": its.id,
            "message": NewMessage("user", "x"),
            "key": its.key,
            "known_head": 1,
            "max_tokens": 100,
            "format": "openai",
        },
    ),
    Row("branches", lambda its: {"id": its.id}),
    Row("branches", lambda its: {"id": its.id, "at_seq": 1, "before": 9, "limit": 5}),
    Row("switch_head", lambda its: {"id": its.id, "seq": 1}),
    Row("fork", lambda its: {"id": its.id}),
    Row("fork", lambda its: {"id": its.id, "at_seq": 2, "new_id": "copy", "title": "taken"}),
    Row("save_summary", lambda its: {"id": its.id, "upto_seq": 2, "content": "taken"}),
    Row("list_summaries", lambda its: {"id": its.id}),
    Row("list_summaries", lambda its: {"id": its.id, "before": 9, "limit": 5}),
    Row("list_messages", lambda its: {"id": its.id}),
    Row("list_messages", lambda its: {"id": its.id, "before": 3, "limit": 1, "order": "desc"}),
    Row("list_messages", lambda its: {"id": its.id, "after": 1, "max_chars": 10}),
    Row("list_messages", lambda its: {"id": its.id, "around": 2}),
    Row("read_message", lambda its: {"id": its.id, "seq": 1}),
    Row("read_message", lambda its: {"id": its.id, "seq": 99, "offset": 1, "limit": 5}),
    Row("search", lambda its: {"query": "secret said look", "limit": 50, "context": 3, "exclude": its.id}),
    Row("search", lambda its: {"query": "secret", "conversation_id": its.id}),
    Row(
        "search",
        lambda its: {
            "query": '"secret" alic* -nothing',
            "conversation_id": its.id,
            "role": "user",
            "since": datetime(2000, 1, 1, tzinfo=UTC),
            "until": datetime(3000, 1, 1, tzinfo=UTC),
        },
    ),
    Row("search", lambda its: {"query": "secret", "limit": 1, "cursor": its.found}),
    Row("export", lambda its: {"id": its.id, "format": "jsonl"}),
    Row("export", lambda its: {"id": its.id, "format": "html"}),
    Row("export_page", lambda its: {"id": its.id, "format": "markdown", "after": 1, "max_chars": 1_000}),
    Row("export_zip", lambda its: {}),
    Row("import_conversations", lambda its: {"stream": [exported(its)], "dry_run": True}),
    Row("import_conversations", lambda its: {"stream": [exported(its)]}),
    Row("stale", lambda its: {"before": LATER, "trash_only": True}),
    Row("purge_stale", lambda its: {"id": its.id, "before": LATER, "trash_only": False}),
    Row("context", lambda its: {"id": its.id}),
    Row("context", lambda its: {"id": its.id, "max_tokens": 50, "format": "openai"}),
    Row("context", lambda its: {"id": its.id, "upto_seq": 1}),
    Row("context", lambda its: {"id": its.id, "query": "secret said look"}),
    Row(
        "open_turn",
        lambda its: {"id": its.id, "message": NewMessage("user", "x"), "key": "q", "query": "secret"},
    ),
    Row("context", lambda its: {"id": its.id, "receipt": "w1.e1.text.100.1-1.0.000000.0000000000000000"}),
)


def name_of(row: Row) -> str:
    return f"{row.verb}({', '.join(row.arguments(Thing('', '', '', {})))})"


@pytest.fixture(params=MATRIX, ids=name_of)
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


async def run(history: History, row: Row, thing: Thing) -> str:
    """What the verb answers or raises, as text without the names that were asked for."""
    try:
        called = getattr(history, row.verb)(**row.arguments(thing))
        answer: object = [piece async for piece in called] if inspect.isasyncgen(called) else await called
    except RecollectError as error:
        answer = (type(error).__name__, str(error), vars(error))
    return told(answer, thing)


def verbs() -> dict[str, set[str]]:
    """The verbs of a history, and the names of their arguments."""
    return {
        name: set(inspect.signature(member).parameters) - {"self"}
        for name, member in inspect.getmembers(History, inspect.isroutine)
        if not name.startswith("_")
    }


def test_every_verb_and_every_argument_of_it_stands_in_the_matrix() -> None:
    tried: dict[str, set[str]] = {}
    for row in MATRIX:
        tried.setdefault(row.verb, set()).update(row.arguments(Thing("", "", "", {})))
    # A conversation that begins with a turn has a title; it is one's own, whoever else used the key.
    tried["open_turn"] |= {"title", "instructions"}
    assert tried == verbs()


async def test_another_user_s_conversation_is_one_that_does_not_exist(
    admin: asyncpg.Connection[asyncpg.Record], pair: Pair, row: Row
) -> None:
    before = await rows_of(admin, pair.alice.user_id)
    foreign = await run(pair.bob, row, pair.hers)
    assert await rows_of(admin, pair.alice.user_id) == before
    assert SECRET not in foreign
    if row.verb == "erase_user":
        assert foreign == "Erased(conversations=1, messages=3, summaries=0)"
        return
    assert foreign == await run(pair.bob, row, pair.nobodys)


async def test_two_users_may_use_the_same_id_and_the_same_key(
    admin: asyncpg.Connection[asyncpg.Record], pair: Pair, row: Row
) -> None:
    await pair.bob.create(id=pair.hers.id, title=pair.hers.title)
    his = await pair.bob.append(
        pair.hers.id, [NewMessage("user", "a"), NewMessage("user", "b")], key=pair.hers.key
    )
    assert (his.first_seq, his.last_seq, his.replayed) == (1, 2, False)
    before = await rows_of(admin, pair.alice.user_id)
    assert SECRET not in await run(pair.bob, row, pair.hers)
    assert await rows_of(admin, pair.alice.user_id) == before


@pytest.mark.parametrize("row", [row for row in MATRIX if row.verb not in OF_NO_CONVERSATION], ids=name_of)
async def test_the_owner_gets_other_answers(pair: Pair, row: Row) -> None:
    """Without this, a matrix of calls that always fail would pass."""
    assert await run(pair.alice, row, pair.hers) != await run(pair.alice, row, pair.nobodys)


async def test_a_key_of_another_user_replays_nothing(pair: Pair) -> None:
    mine = (await pair.bob.create()).id
    first = await pair.bob.append(mine, NewMessage("user", "other content"), key=pair.hers.key)
    assert (first.first_seq, first.replayed) == (1, False)


SIMILAR = ("{} ", " {}", "{}\u200b", "{}'; --", "{}\\", "{}\\'", "{}\n", "%", "_", "*", "{}.{}", "$user")


async def test_users_with_similar_names_are_different_users(shared_store: Recollect, pair: Pair) -> None:
    alice = pair.alice.user_id
    for name in (alice.upper(), "alice", *(form.format(alice, alice) for form in SIMILAR)):
        other = shared_store.for_user(name)
        assert (await other.list(archived=None)).conversations == []
        await other.create(id=pair.hers.id)
        assert [one.message_count for one in (await other.list()).conversations] == [0]
        assert (await other.erase_user()).conversations == 1
    assert (await pair.alice.get(pair.hers.id)).message_count == 3


@pytest.mark.parametrize("name", ["", "\x00", "a\ud800", "a" * 256])
def test_a_name_that_cannot_be_told_from_others_is_no_user(shared_store: Recollect, name: str) -> None:
    with pytest.raises(InvalidArgument, match="user_id"):
        shared_store.for_user(name)


async def test_a_conversation_begun_with_another_user_s_key_is_one_s_own(pair: Pair) -> None:
    said = NewMessage("user", "hello")
    hers = await pair.alice.open_turn(said, key="the same key", title="her title", instructions="hers")
    his = await pair.bob.open_turn(said, key="the same key", title="his title", instructions="his")
    assert (hers.created, his.created) == (True, True)
    assert hers.conversation_id != his.conversation_id
    assert "hers" not in his.context.text
