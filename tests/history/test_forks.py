"""A copy of a conversation up to a message stands for itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from recollect.db.link import link_users
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.conversation import Conversation
from recollect.models.errors import AlreadyExists, InvalidArgument, NotFound, NotReady, RecollectError
from recollect.models.message import Message, NewMessage

SAID_AT = datetime(2019, 5, 4, 3, 2, 1, tzinfo=UTC)


def user(text: str) -> NewMessage:
    return NewMessage("user", text)


@pytest.fixture
async def c(history: History) -> str:
    """1 → 2 → 3 → 4, and 2 → 5 → 6 with the head on 6. Summaries of 1, 4 and 5."""
    id = (await history.create(title="Trip", instructions="Be brief.", metadata={"n": [1]})).id
    call: list[dict[str, Any]] = [{"type": "tool_call", "id": "1", "name": "f", "arguments": {"nul": "\x00"}}]
    result: list[dict[str, Any]] = [{"type": "tool_result", "call_id": "1", "content": "\ud800"}]
    await history.append(id, [NewMessage("user", "one", "Ana", {"m": "\x00"}, 9, SAID_AT)], key="k")
    await history.append(id, [NewMessage("assistant", call), NewMessage("tool", result), user("four")])
    await history.append(id, [user("five"), user("six")], after_seq=2, key="l")
    for upto in (1, 4, 5):
        await history.save_summary(id, upto, f"Summary of {upto}.")
    return id


async def log(history: History, id: str) -> list[Message]:
    return (await history.list_messages(id)).messages


def but_for_place(message: Message) -> Message:
    return message._replace(seq=0, parent_seq=0, key=None)


async def test_a_fork_is_the_path_numbered_from_1(history: History, c: str) -> None:
    copy = await history.fork(c)
    assert (copy.title, copy.instructions, copy.metadata) == ("Trip", "Be brief.", {"n": [1]})
    assert (copy.last_seq, copy.head_seq, copy.message_count, copy.linear) == (4, 4, 4, True)
    assert (copy.forked_from, copy.forked_seq) == (c, 6)
    original, copied = await log(history, c), await log(history, copy.id)
    assert [(message.seq, message.parent_seq) for message in copied] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert [but_for_place(message) for message in copied] == [
        but_for_place(original[seq - 1]) for seq in (1, 2, 5, 6)
    ]
    assert [message.key for message in copied] == [None] * 4
    assert (await history.branches(copy.id)).branches == []
    summaries = [(each.upto_seq, each.content) for each in (await history.list_summaries(copy.id)).summaries]
    assert summaries == [(3, "Summary of 5."), (1, "Summary of 1.")]


@pytest.mark.parametrize(
    ("at", "seqs", "summaries"),
    [(1, [1], [1]), (2, [1, 2], [1]), (4, [1, 2, 3, 4], [4, 1]), (5, [1, 2, 5], [3, 1])],
)
async def test_a_fork_at_any_message_is_the_path_to_it(
    history: History, c: str, at: int, seqs: list[int], summaries: list[int]
) -> None:
    copy = await history.fork(c, at_seq=at, title="Another way", new_id="copy")
    assert (copy.id, copy.title, copy.forked_seq, copy.head_seq) == ("copy", "Another way", at, len(seqs))
    original = await log(history, c)
    assert [message.text for message in await log(history, "copy")] == [
        original[seq - 1].text for seq in seqs
    ]
    assert [each.upto_seq for each in (await history.list_summaries("copy")).summaries] == summaries


async def test_the_copy_shows_the_context_that_the_original_shows(history: History, c: str) -> None:
    copy = await history.fork(c, at_seq=4)
    for format in ("openai", "anthropic"):
        original = await history.context(c, format=format, upto_seq=4)
        copied = await history.context(copy.id, format=format)
        assert (copied.messages, copied.system) == (original.messages, original.system)
        assert copied.tokens == original.tokens


async def test_what_happens_to_one_does_not_touch_the_other(history: History, c: str) -> None:
    before = await log(history, c)
    copy = (await history.fork(c)).id
    await history.append(copy, user("only here"), key="k")
    await history.append(copy, user("an edit"), after_seq=1)
    await history.save_summary(copy, 1, "another")
    await history.update(copy, instructions=None, title="Copy")
    assert await log(history, c) == before
    assert (await history.get(c)).instructions == "Be brief."
    assert "Summary of 1." in {each.content for each in (await history.list_summaries(c)).summaries}
    copied = await log(history, copy)
    assert (await history.purge(c)).messages == 6
    assert await log(history, copy) == copied
    assert (await history.get(copy)).forked_from == c
    assert (await history.fork(copy, at_seq=4)).forked_from == copy
    assert (await history.purge(copy)).summaries == 2


async def test_a_fork_that_comes_twice_with_its_id_is_made_once(history: History, c: str) -> None:
    copy = await history.fork(c, new_id="copy")
    await history.append("copy", user("went on"))
    for source in (c, "copy"):
        with pytest.raises(AlreadyExists, match="new_id: a conversation 'copy' exists already"):
            await history.fork(source, new_id="copy")
    assert (await history.get("copy")).message_count == copy.message_count + 1
    assert len((await history.list()).conversations) == 2


async def test_the_same_fork_many_times_at_once_is_made_once(history: History, c: str) -> None:
    results = await asyncio.gather(
        *(history.fork(c, new_id="copy") for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, Conversation) for result in results) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 9
    assert len(await log(history, "copy")) == 4


@pytest.mark.parametrize("instructions", [None, "Be brief."])
async def test_an_empty_conversation_is_forked_too(history: History, instructions: str | None) -> None:
    id = (await history.create(instructions=instructions)).id
    copy = await history.fork(id)
    assert (copy.last_seq, copy.forked_from, copy.forked_seq) == (0, id, 0)
    assert (await history.append(copy.id, user("first"))).first_seq == 1
    assert (await history.context(copy.id, format="openai")).messages[-1]["content"] == "first"


async def test_out_of_the_trash_comes_a_copy_that_is_not_in_it(history: History, c: str) -> None:
    await history.update(c, pinned=True, archived=True)
    await history.delete(c)
    copy = await history.fork(c)
    assert (copy.deleted_at, copy.archived_at, copy.pinned) == (None, None, False)
    assert (await history.append(copy.id, user("x"))).first_seq == 5


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        ({"at_seq": 7}, NotFound, "at_seq: this conversation has no such message; its last one is 6"),
        ({"at_seq": 0}, InvalidArgument, "at_seq: must be an integer from 1"),
        ({"at_seq": 2**31}, InvalidArgument, "at_seq: must be an integer from 1"),
        ({"new_id": ""}, InvalidArgument, "new_id: must be a string"),
        ({"new_id": "x" * 201}, InvalidArgument, "new_id: is 201 characters long"),
        ({"title": ""}, InvalidArgument, "title: must be a string"),
        ({"id": "nope"}, NotFound, "there is no conversation 'nope'"),
    ],
)
async def test_what_does_not_do_is_refused_and_leaves_nothing(
    history: History, c: str, arguments: dict[str, Any], error: type[RecollectError], problem: str
) -> None:
    given: dict[str, Any] = {"id": c}
    with pytest.raises(error, match=problem):
        await history.fork(**(given | arguments))
    assert len((await history.list()).conversations) == 1


async def test_nobody_forks_what_is_somebody_elses(store: Recollect, c: str) -> None:
    bob = store.for_user("bob")
    with pytest.raises(NotFound, match="there is no conversation"):
        await bob.fork(c, new_id="copy")
    assert (await bob.list()).conversations == []


async def test_forks_while_appends_run_are_whole(history: History) -> None:
    """A fork holds what was there at one moment: whole appends, in order, and nobody waits for it."""
    c = (await history.create()).id
    await history.append(c, [user("0/0"), user("0/1")])
    copies: list[Conversation] = []

    async def append() -> None:
        for number in range(1, 60):
            await history.append(c, [user(f"{number}/0"), user(f"{number}/1")])

    async def fork() -> None:
        while not appends.done():
            copies.append(await history.fork(c))

    appends = asyncio.create_task(append())
    await asyncio.gather(appends, fork(), fork())
    assert (await history.get(c)).last_seq == 120
    assert len({copy.last_seq for copy in copies}) > 1
    for copy in copies:
        texts = [m.text for m in (await history.list_messages(copy.id, limit=500)).messages]
        assert texts == [f"{number}/{part}" for number in range(len(texts) // 2) for part in (0, 1)]
        assert copy.forked_seq == copy.head_seq == copy.message_count == len(texts)


async def test_a_fork_of_a_user_whom_the_linked_users_table_lacks_is_explained(
    database_url: str, history: History, c: str
) -> None:
    connection = await asyncpg.connect(**parse_url(database_url).connect_args)
    try:
        await connection.execute("CREATE TABLE public.users (id text PRIMARY KEY)")
        await connection.execute("INSERT INTO public.users VALUES ('alice')")
        await link_users(connection, "public.users.id")
        await history.fork(c)
        await connection.execute(
            "BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM public.users; COMMIT"
        )  # without the cascade
    finally:
        await connection.close()
    with pytest.raises(NotReady, match="create the user there first"):
        await history.fork(c)
