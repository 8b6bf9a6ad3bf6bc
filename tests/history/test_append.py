from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import anyio
import asyncpg
import pytest

from recollect.history.history import History
from recollect.history.payloads import messages_from
from recollect.history.store import Recollect
from recollect.models.errors import (
    Conflict,
    HeadMoved,
    InvalidArgument,
    KeyReused,
    NotFound,
)
from recollect.models.message import Appended, NewMessage
from recollect.settings import Settings

WAITING = """
SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN (
    SELECT pid FROM pg_locks JOIN pg_database AS d ON d.oid = database WHERE datname = current_database()
)
"""
"""How many backends of this database wait for a lock."""


def user(text: str) -> NewMessage:
    return NewMessage("user", text)


@pytest.fixture
async def c(history: History) -> str:
    return (await history.create()).id


async def texts(history: History, c: str) -> list[str]:
    return [message.text for message in (await history.list_messages(c)).messages]


async def test_messages_get_the_numbers_1_2_3_in_the_order_of_their_appends(history: History, c: str) -> None:
    assert await history.append(c, user("a")) == Appended(c, 1, 1, 1)
    assert await history.append(c, [user("b"), user("c")]) == Appended(c, 2, 3, 3)
    page = await history.list_messages(c)
    assert [(message.seq, message.parent_seq, message.text) for message in page.messages] == [
        (1, 0, "a"),
        (2, 1, "b"),
        (3, 2, "c"),
    ]
    assert (page.head, page.last_seq, page.more_before, page.more_after) == (3, 3, False, False)
    assert (await history.get(c)).message_count == 3


async def test_everything_of_a_message_comes_back(history: History, c: str) -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "see", "citations": [{"n": 2**70, "at": 1.5}]},
        {"type": "tool_call", "id": "1", "name": "f", "arguments": '{"a" : 1}'},
    ]
    said_at = datetime(2019, 5, 4, 3, 2, 1, tzinfo=UTC)
    metadata = {"nul": "\x00", "surrogate": "\ud800", "big": 2**63}
    await history.append(c, NewMessage("assistant", parts, "Ana", metadata, 77, said_at))
    (message,) = (await history.list_messages(c)).messages
    assert message.parts == parts
    assert message.content == parts
    assert (message.role, message.author, message.token_count, message.occurred_at) == (
        "assistant",
        "Ana",
        77,
        said_at,
    )
    assert message.metadata == metadata
    assert message.key is None


async def test_a_retry_with_the_same_key_returns_the_first_result(history: History, c: str) -> None:
    turn = [user("a"), NewMessage("assistant", "b")]
    first = await history.append(c, turn, key="turn-1")
    await history.append(c, user("later"))
    again = await history.append(c, turn, key="turn-1")
    assert again.replayed
    assert (again.first_seq, again.last_seq, again.head) == (first.first_seq, first.last_seq, first.head)
    assert await texts(history, c) == ["a", "b", "later"]


async def test_the_same_append_many_times_at_once_lands_once(history: History, c: str) -> None:
    results: list[Appended] = []

    async def send() -> None:
        results.append(await history.append(c, [user("a"), user("b")], key="k"))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(send)
    assert {(result.first_seq, result.last_seq, result.head) for result in results} == {(1, 2, 2)}
    assert sum(not result.replayed for result in results) == 1
    assert await texts(history, c) == ["a", "b"]


async def test_a_retry_is_recognised_although_the_head_it_expected_has_moved(
    history: History, c: str
) -> None:
    await history.append(c, user("a"), key="k", expected_head=0)
    assert (await history.append(c, user("a"), key="k", expected_head=0)).replayed


async def test_a_retry_beside_the_call_that_it_repeats_is_recognised(
    database_url: str, history: History, c: str
) -> None:
    """As after an answer that came too late: what moved the head is the append itself."""
    locking = await asyncpg.connect(database_url)
    try:
        await locking.execute("BEGIN; SELECT FROM recollect.conversation FOR UPDATE")
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            calls = [
                group.create_task(history.append(c, [user("a"), user("b")], key="k", expected_head=0))
                for _ in range(2)
            ]
            for _ in range(1_000):
                if await locking.fetchval(WAITING) == len(calls):
                    break
                await asyncio.sleep(0.01)
            await locking.execute("COMMIT")
    finally:
        await locking.close()
    done = sorted((call.result() for call in calls), key=lambda one: one.replayed)
    assert done == [Appended(c, 1, 2, 2), Appended(c, 1, 2, 2, replayed=True)]
    assert await texts(history, c) == ["a", "b"]


async def test_a_retry_is_recognised_whatever_the_order_of_keys_in_its_objects(
    history: History, c: str
) -> None:
    await history.append(c, NewMessage("user", "a", metadata={"x": 1, "y": 2}), key="k")
    assert (await history.append(c, NewMessage("user", "a", metadata={"y": 2, "x": 1}), key="k")).replayed


@pytest.mark.parametrize(
    "other",
    [
        NewMessage("user", "b"),
        NewMessage("assistant", "a"),
        NewMessage("user", "a", author="x"),
        NewMessage("user", "a", metadata={"x": 1}),
        NewMessage("user", "a", token_count=1),
        NewMessage("user", "a", occurred_at=datetime(2026, 1, 1, tzinfo=UTC)),
        NewMessage("user", [{"type": "text", "text": "a", "x": 1}]),
    ],
)
async def test_the_same_key_with_other_content_is_refused(
    history: History, c: str, other: NewMessage
) -> None:
    await history.append(c, user("a"), key="k")
    with pytest.raises(KeyReused, match="used here before for other content"):
        await history.append(c, other, key="k")
    assert await texts(history, c) == ["a"]


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
async def test_a_moment_that_a_database_takes_for_infinity_is_refused(
    history: History, c: str, moment: datetime
) -> None:
    with pytest.raises(InvalidArgument, match=r"occurred_at: is the first or the last moment"):
        await history.append(c, NewMessage("user", "a", occurred_at=moment))


async def test_one_key_serves_in_each_conversation(history: History, c: str) -> None:
    other = (await history.create()).id
    await history.append(c, user("a"), key="k")
    assert not (await history.append(other, user("b"), key="k")).replayed


async def test_an_append_at_the_expected_head_lands(history: History, c: str) -> None:
    await history.append(c, user("a"), expected_head=0)
    assert (await history.append(c, user("b"), expected_head=1)).head == 2


async def test_a_moved_head_is_refused_with_what_was_added(history: History, c: str) -> None:
    await history.append(c, [user("a"), user("b"), user("c")])
    with pytest.raises(HeadMoved, match="grew from 1 to 3") as raised:
        await history.append(c, user("x"), expected_head=1)
    assert raised.value.head == 3
    assert [message.text for message in raised.value.added] == ["b", "c"]
    assert await texts(history, c) == ["a", "b", "c"]


async def test_a_head_that_never_was_is_refused(history: History, c: str) -> None:
    await history.append(c, user("a"))
    for policy in ("reject", "branch"):
        with pytest.raises(HeadMoved, match="is not the head"):
            await history.append(c, user("x"), expected_head=9, on_conflict=policy)


async def test_on_conflict_branch_keeps_both_and_leaves_the_head(history: History, c: str) -> None:
    await history.append(c, [user("a"), user("b")])
    branch = await history.append(c, [user("x"), user("y")], key="k", expected_head=1, on_conflict="branch")
    assert branch == Appended(c, 3, 4, head=2, branched=True)
    replay = await history.append(c, [user("x"), user("y")], key="k", expected_head=1, on_conflict="branch")
    assert replay == Appended(c, 3, 4, head=2, branched=True, replayed=True)
    after = await history.append(c, user("c"))
    assert after == Appended(c, 5, 5, 5)
    conversation = await history.get(c)
    assert (conversation.linear, conversation.head_seq, conversation.last_seq) == (False, 5, 5)
    page = await history.list_messages(c)
    assert [(message.seq, message.parent_seq) for message in page.messages] == [
        (1, 0),
        (2, 1),
        (3, 1),
        (4, 3),
        (5, 2),
    ]
    assert [m["content"] for m in (await history.context(c, format="openai")).messages] == ["a", "b", "c"]


async def test_branch_without_a_conflict_is_a_plain_append(history: History, c: str) -> None:
    await history.append(c, user("a"))
    assert await history.append(c, user("b"), expected_head=1, on_conflict="branch") == Appended(c, 2, 2, 2)
    assert (await history.get(c)).linear


async def test_an_empty_append_is_refused_without_touching_the_conversation(history: History, c: str) -> None:
    before = await history.get(c)
    with pytest.raises(InvalidArgument, match="messages: is empty"):
        await history.append(c, [])
    assert await history.get(c) == before


async def test_the_database_too_refuses_an_empty_append(database_url: str, history: History, c: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await connection.execute(
                "SELECT recollect.append_v2($1, $2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', "
                "NULL, NULL, NULL, false, NULL, '{}', '{}')",
                "alice",
                c,
            )
    finally:
        await connection.close()
    assert (await history.get(c)).last_seq == 0


async def test_when_one_message_is_wrong_none_lands(history: History, c: str) -> None:
    with pytest.raises(InvalidArgument, match=r"messages\[1\]\.role: must be one of"):
        await history.append(c, [user("a"), NewMessage("robot", "b")])  # pyright: ignore[reportArgumentType]
    assert await texts(history, c) == []


async def test_what_is_no_message_is_refused_with_what_makes_one_of_it(history: History, c: str) -> None:
    said: Any = {"role": "user", "content": "a"}
    wrong: list[Any] = ["a", said, [said]]
    for given in wrong:
        with pytest.raises(InvalidArgument, match=r"^messages\[0\]: must be a NewMessage; messages_from"):
            await history.append(c, given)
    await history.append(c, messages_from([said]))
    assert await texts(history, c) == ["a"]


@pytest.mark.parametrize("metadata", [False, 0, "", [], [1], "{}"])
async def test_metadata_are_an_object_or_refused(history: History, c: str, metadata: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"messages\[0\]\.metadata: must be a JSON object"):
        await history.append(c, NewMessage("user", "a", metadata=metadata))
    assert await texts(history, c) == []


async def test_nothing_is_appended_to_a_missing_conversation_or_one_in_the_trash(
    history: History, c: str
) -> None:
    with pytest.raises(NotFound, match="there is no conversation 'nope'"):
        await history.append("nope", user("a"))
    await history.delete(c)
    with pytest.raises(Conflict, match="in the trash"):
        await history.append(c, user("a"))
    await history.restore(c)
    assert (await history.append(c, user("a"))).first_seq == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"key": ""}, "key: must be a string of 1 to 200"),
        ({"key": "k" * 201}, "key: is 201 characters long"),
        ({"key": "a\x00"}, "key: contains U"),
        ({"expected_head": -1}, "expected_head: must be an integer"),
        ({"expected_head": True}, "expected_head: must be an integer"),
        ({"expected_head": 2**31}, "expected_head: must be an integer"),
        ({"on_conflict": "overwrite"}, "on_conflict: must be reject or branch"),
        ({"on_conflict": "branch"}, "expected_head: is needed"),
    ],
)
async def test_bad_arguments_are_refused_by_name(
    history: History, c: str, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        await history.append(c, user("a"), **arguments)


async def test_limits_of_size_are_settings(settings: Settings) -> None:
    small = settings.model_copy(
        update={"max_message_bytes": 10, "max_batch_messages": 2, "max_metadata_bytes": 10}
    )
    async with Recollect.open(small) as store:
        history = store.for_user("alice")
        c = (await history.create()).id
        await history.append(c, [user("x" * 10), NewMessage("user", "é" * 5, metadata={"a": "bc"})])
        for larger in ("x" * 11, "é" * 5 + "x"):
            with pytest.raises(
                InvalidArgument, match=r"messages\[0\]\.content: is 11 bytes; the limit is 10"
            ):
                await history.append(c, user(larger))
        with pytest.raises(InvalidArgument, match="more than the 2 of one append"):
            await history.append(c, [user("x")] * 3)
        with pytest.raises(InvalidArgument, match=r"messages\[0\]\.metadata: is 11 bytes"):
            await history.append(c, NewMessage("user", "x", metadata={"a": "bcd"}))


async def test_the_longest_names_of_the_widest_characters_fit(store: Recollect) -> None:
    # An index entry holds user, conversation and key, and may have 2,704 bytes; these do not compress.
    letters = random.Random(1)

    def name(length: int) -> str:
        return "".join(chr(0x20000 + letters.randrange(40_000)) for _ in range(length))

    history = store.for_user(name(255))
    c = (await history.create(id=name(200))).id
    key = name(200)
    await history.append(c, user("a"), key=key)
    assert (await history.append(c, user("a"), key=key)).replayed
    assert [each.id for each in (await history.list()).conversations] == [c]
