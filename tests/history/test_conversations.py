from __future__ import annotations

import re
from typing import Any

import asyncpg
import pytest

from recollect.db.link import link_users
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.conversation import Conversation, Erased
from recollect.models.errors import AlreadyExists, Conflict, InvalidArgument, NotFound, NotReady
from recollect.models.message import NewMessage
from tests.history.forging import forged


async def ids(history: History, **filters: Any) -> list[str]:
    return [conversation.id for conversation in (await history.list(**filters)).conversations]


async def all_pages(history: History, limit: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await history.list(limit=limit, cursor=cursor)
        found += [conversation.id for conversation in page.conversations]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_a_new_conversation_gets_a_short_handle_and_is_empty(history: History) -> None:
    made = await history.create(title="Porto", instructions="Be brief.", metadata={"trip": True})
    assert re.fullmatch("c_[0-9a-z]{13}", made.id)
    assert (made.title, made.instructions, made.metadata) == ("Porto", "Be brief.", {"trip": True})
    assert (made.head_seq, made.last_seq, made.message_count, made.linear, made.pinned) == (
        0,
        0,
        0,
        True,
        False,
    )
    assert await history.get(made.id) == made


async def test_an_id_of_the_callers_choice_is_taken_once(history: History) -> None:
    await history.create(id="550e8400-e29b-41d4-a716-446655440000")
    with pytest.raises(AlreadyExists, match="exists already"):
        await history.create(id="550e8400-e29b-41d4-a716-446655440000", title="other")
    await history.delete("550e8400-e29b-41d4-a716-446655440000")
    with pytest.raises(AlreadyExists, match="is in the trash; restore it"):
        await history.create(id="550e8400-e29b-41d4-a716-446655440000")


async def test_lists_are_ordered_by_activity_newest_first(history: History) -> None:
    for id in ("a", "b", "c"):
        await history.create(id=id)
    await history.append("a", NewMessage("user", "hello"))
    assert await ids(history) == ["a", "c", "b"]
    await history.update("b", pinned=True)
    assert await ids(history) == ["b", "a", "c"]


async def test_pages_hold_each_conversation_once(history: History) -> None:
    made = [(await history.create()).id for _ in range(23)]
    for limit in (1, 5, 22, 23, 24):
        assert await all_pages(history, limit) == made[::-1]


async def test_what_changes_while_paging_moves_to_the_front_and_disturbs_nothing(history: History) -> None:
    made = [(await history.create(id=f"c{n:02}")).id for n in range(10)]
    first = await history.list(limit=4)
    await history.append("c08", NewMessage("user", "seen already"))
    await history.append("c01", NewMessage("user", "not seen yet"))
    await history.delete("c04")
    await history.create(id="new")
    rest = await history.list(limit=20, cursor=first.next_cursor)
    seen = [conversation.id for conversation in [*first.conversations, *rest.conversations]]
    assert seen == [id for id in made[::-1] if id not in ("c01", "c04")]
    assert (await ids(history))[:3] == ["new", "c01", "c08"]


async def test_filters_choose(history: History) -> None:
    await history.create(id="plain", title="Trip to Porto")
    await history.create(id="pinned", metadata={"project": {"name": "x"}, "n": 1})
    await history.update("pinned", pinned=True)
    await history.create(id="archived", title="trip to lisbon")
    await history.update("archived", archived=True)
    await history.create(id="trashed", title="trip")
    await history.delete("trashed")
    assert set(await ids(history)) == {"plain", "pinned"}
    assert await ids(history, pinned=True) == ["pinned"]
    assert await ids(history, pinned=False) == ["plain"]
    assert await ids(history, archived=True) == ["archived"]
    assert set(await ids(history, archived=None)) == {"plain", "pinned", "archived"}
    assert await ids(history, trash=True) == ["trashed"]
    assert set(await ids(history, title="TRIP to", archived=None)) == {"plain", "archived"}
    assert await ids(history, title="100%") == []
    assert await ids(history, metadata={"project": {"name": "x"}}) == ["pinned"]
    assert await ids(history, metadata={"project": {"name": "y"}}) == []
    assert await ids(history, metadata={"it's \" $1 \\": ["'; DROP TABLE"]}) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"limit": 0}, "limit: must be an integer from 1 to 500"),
        ({"limit": -1}, "limit"),
        ({"limit": 10**30}, "limit"),
        ({"limit": True}, "limit"),
        ({"cursor": "x"}, "cursor: is not one that this list gave"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "bm9wZQ"}, "cursor"),
        ({"cursor": "W1sxXV0" * 5_000}, "cursor"),
        ({"cursor": "\ud800"}, "cursor"),
        ({"title": ""}, "title"),
        ({"metadata": [1]}, "metadata: must be a JSON object"),
        ({"metadata": {"a": "\x00"}}, "metadata: contains U"),
    ],
)
async def test_bad_arguments_of_a_list_are_refused_by_name(
    history: History, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        await history.list(**arguments)


async def test_a_cursor_of_another_list_is_refused(history: History) -> None:
    for _ in range(3):
        await history.create()
    cursor = (await history.list(limit=1)).next_cursor
    with pytest.raises(InvalidArgument, match="belongs to a list with other filters"):
        await history.list(limit=1, cursor=cursor, pinned=True)


@pytest.mark.parametrize(
    ("version", "place"),
    [
        (0, (1, "c")),
        (2, (1, "c")),
        (1, ()),
        (1, (1,)),
        (1, (1, "c", 1)),
        (1, ("1", "c")),
        (1, (1.5, "c")),
        (1, (True, "c")),
        (1, (None, "c")),
        (1, (1, 7)),
        (1, (1, ["c"])),
        (1, (2**200, "c")),
        (1, (-(2**200), "c")),
        (1, (300_000_000_000_000_000, "c")),  # in the year 11476
        (1, (1, "a\x00b")),
        (1, (1, "\ud83d")),
    ],
)
async def test_a_cursor_with_the_list_s_own_filters_and_a_forged_place_is_refused(
    history: History, version: int, place: tuple[object, ...]
) -> None:
    for _ in range(2):
        await history.create()
    cursor = (await history.list(limit=1)).next_cursor
    assert cursor is not None
    assert await ids(history, cursor=forged(cursor, 1, 2**52, "c"))
    with pytest.raises(InvalidArgument, match="cursor: is not one that this list gave"):
        await history.list(cursor=forged(cursor, version, *place))


async def test_a_cursor_of_another_user_shows_only_ones_own(store: Recollect) -> None:
    alice, bob = store.for_user("alice"), store.for_user("bob")
    await bob.create(id="bobs")
    for _ in range(2):
        await alice.create()
    cursor = (await alice.list(limit=1)).next_cursor
    assert await ids(bob, cursor=cursor) == ["bobs"]


async def test_update_changes_what_is_given_and_clears_with_none(history: History) -> None:
    c = (await history.create(title="a", instructions="b", metadata={"c": 1})).id
    changed = await history.update(c, title="A")
    assert (changed.title, changed.instructions, changed.metadata) == ("A", "b", {"c": 1})
    changed = await history.update(c, instructions=None, metadata={"d": 2}, pinned=True)
    assert (changed.title, changed.instructions, changed.metadata, changed.pinned) == (
        "A",
        None,
        {"d": 2},
        True,
    )
    archived = await history.update(c, archived=True)
    assert archived.archived_at is not None
    assert (await history.update(c, archived=True)).archived_at == archived.archived_at
    assert (await history.update(c, archived=False)).archived_at is None
    with pytest.raises(InvalidArgument, match="nothing to change"):
        await history.update(c)
    with pytest.raises(InvalidArgument, match="title: is 501 characters"):
        await history.update(c, title="x" * 501)


async def test_delete_is_a_trash_with_undo(history: History) -> None:
    c = (await history.create(title="a")).id
    await history.append(c, NewMessage("user", "kept"))
    deleted = await history.delete(c)
    assert deleted.deleted_at is not None
    assert (await history.delete(c)).deleted_at == deleted.deleted_at
    assert await ids(history) == []
    with pytest.raises(Conflict, match="restore it first"):
        await history.update(c, title="b")
    assert (await history.restore(c)).deleted_at is None
    assert [message.text for message in (await history.list_messages(c)).messages] == ["kept"]


async def test_purge_really_removes_and_counts(history: History) -> None:
    c = (await history.create()).id
    await history.append(c, [NewMessage("user", "a"), NewMessage("assistant", "b")])
    assert await history.purge(c) == Erased(conversations=1, messages=2, summaries=0)
    with pytest.raises(NotFound):
        await history.get(c)
    with pytest.raises(NotFound):
        await history.purge(c)


async def test_erase_user_removes_everything_of_that_user_alone(store: Recollect) -> None:
    alice, bob = store.for_user("alice"), store.for_user("bob")
    for history in (alice, bob):
        for n in range(3):
            c = (await history.create(id=f"c{n}")).id
            await history.append(c, [NewMessage("user", "a"), NewMessage("assistant", "b")])
    await alice.delete("c0")
    assert await alice.erase_user() == Erased(conversations=3, messages=6, summaries=0)
    assert await alice.erase_user() == Erased(conversations=0, messages=0, summaries=0)
    assert await ids(alice, trash=True) == []
    assert len(await ids(bob)) == 3


@pytest.mark.parametrize(
    "user_id", ["o'brien", "a\\'b", "auth0|12 3/4", "用户", "'; DROP SCHEMA recollect; --", "$1", "😀" * 255]
)
async def test_a_user_id_may_be_any_text(store: Recollect, user_id: str) -> None:
    history = store.for_user(user_id)
    c = (await history.create()).id
    await history.append(c, NewMessage("user", "hi"))
    await history.update(c, title="t")
    assert await ids(history) == [c]
    assert (await store.for_user(user_id + "x" if len(user_id) < 255 else "x").list()).conversations == []
    assert (await history.erase_user()).messages == 1


@pytest.mark.parametrize("user_id", ["", "x" * 256, "a\x00", "\ud800", None, 7])
async def test_a_user_id_that_cannot_be_stored_is_refused(store: Recollect, user_id: Any) -> None:
    with pytest.raises(InvalidArgument, match="user_id"):
        store.for_user(user_id)


@pytest.mark.parametrize("field", ["id", "title", "instructions"])
async def test_text_that_cannot_be_stored_exactly_is_refused_by_name(history: History, field: str) -> None:
    for value in ("a\x00b", "\ud800", ""):
        with pytest.raises(InvalidArgument, match=field):
            await history.create(**{field: value})  # pyright: ignore[reportArgumentType]
    assert (await history.list()).conversations == []


def test_conversation_documents_all_its_fields() -> None:
    documented = Conversation.__doc__ or ""
    names = [
        name
        for name in Conversation.__slots__
        if name not in ("title", "pinned", "created_at", "forked_from")
    ]
    assert [name for name in names if name not in documented] == []


@pytest.mark.parametrize("type", ["text", "uuid"])
async def test_a_user_who_is_missing_from_the_linked_table_is_told_so(
    database_url: str, store: Recollect, type: str
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(f"CREATE TABLE public.users (id {type} PRIMARY KEY)")
        await link_users(connection, "public.users.id")
    finally:
        await connection.close()
    with pytest.raises(NotReady, match="create the user there first"):
        await store.for_user("nobody").create()
