"""Edits, other answers, and the ways a conversation went: nothing is lost, and each path is its own."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.conversation import Branch, BranchPage
from recollect.models.errors import (
    Conflict,
    HeadMoved,
    InvalidArgument,
    KeyReused,
    NotFound,
    RecollectError,
)
from recollect.models.message import Appended, NewMessage
from tests.history.branching import assistant, branches, context, four_messages, user


@pytest.fixture
async def c(history: History) -> str:
    return await four_messages(history)


async def test_another_answer_hangs_beside_the_first_and_the_head_moves_to_it(
    history: History, c: str
) -> None:
    assert await history.append(c, assistant("a2 again"), after_seq=3) == Appended(c, 5, 5, head=5)
    assert await context(history, c) == ["q1", "a1", "q2", "a2 again"]
    assert await branches(history, c) == [(4, 3, 4, False), (5, 3, 5, True)]
    assert (await history.append(c, user("q3"))).first_seq == 6
    assert await context(history, c) == ["q1", "a1", "q2", "a2 again", "q3"]
    assert await branches(history, c) == [(4, 3, 4, False), (5, 3, 6, True)]
    conversation = await history.get(c)
    assert (conversation.linear, conversation.message_count, conversation.last_seq) == (False, 6, 6)


async def test_an_edit_of_the_first_message_hangs_at_the_start(history: History, c: str) -> None:
    assert await history.append(c, [user("Q1"), assistant("A1")], after_seq=0) == Appended(c, 5, 6, head=6)
    assert await context(history, c) == ["Q1", "A1"]
    assert await branches(history, c, at_seq=0) == [(1, 0, 4, False), (5, 0, 6, True)]
    log = await history.list_messages(c)
    assert [(message.seq, message.parent_seq) for message in log.messages][4:] == [(5, 0), (6, 5)]


async def test_a_turn_says_that_the_head_one_knew_is_not_on_its_way(history: History, c: str) -> None:
    async def told(known_head: int) -> tuple[bool, tuple[int, int] | None]:
        turn = await history.open_turn(user("q"), key=f"{known_head}", id=c, known_head=known_head)
        return turn.diverged, turn.added

    assert [await told(4), await told(4)] == [(False, None)] * 2  # the second is a retry
    assert await told(6) == (True, None)  # there are five, and then this one
    await history.append(c, user("Q"), after_seq=2)
    assert await told(5) == (True, None)  # which is on the branch that was left
    assert [await told(1), await told(2)] == [(False, (2, 8)), (False, (7, 9))]


async def test_after_the_head_is_where_an_append_goes_anyway(history: History, c: str) -> None:
    assert await history.append(c, user("q3"), after_seq=4) == Appended(c, 5, 5, head=5)
    assert (await history.get(c)).linear
    assert await branches(history, c) == []


@pytest.mark.parametrize("after", [5, 2**31 - 1])
async def test_after_a_message_that_is_not_there_is_refused_with_the_last_one(
    history: History, c: str, after: int
) -> None:
    before = await history.get(c)
    with pytest.raises(InvalidArgument, match="its last one is 4") as raised:
        await history.append(c, user("x"), after_seq=after)
    assert raised.value.argument == "after_seq"
    assert await history.get(c) == before


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        ({"after_seq": -1}, InvalidArgument, "after_seq: must be an integer"),
        ({"after_seq": True}, InvalidArgument, "after_seq: must be an integer"),
        ({"after_seq": 2**31}, InvalidArgument, "after_seq: must be an integer"),
        (
            {"after_seq": 1, "expected_head": 4, "on_conflict": "branch"},
            InvalidArgument,
            "decides with on_conflict=branch where",
        ),
        ({"after_seq": 1, "expected_head": 3}, HeadMoved, "its head is 4|grew from 3 to 4"),
        ({"after_seq": 9, "expected_head": 4}, InvalidArgument, "after_seq: .*no such message"),
    ],
)
async def test_a_place_that_does_not_do_is_refused(
    history: History, c: str, arguments: dict[str, Any], error: type[RecollectError], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        await history.append(c, user("x"), **arguments)
    assert (await history.get(c)).last_seq == 4


async def test_an_edit_may_demand_that_the_head_did_not_move(history: History, c: str) -> None:
    done = await history.append(c, user("Q2"), after_seq=2, expected_head=4)
    assert done == Appended(c, 5, 5, head=5)
    with pytest.raises(HeadMoved) as raised:
        await history.append(c, user("QQ2"), after_seq=2, expected_head=4)
    assert raised.value.head == 5
    assert [message.text for message in raised.value.added] == ["Q2"]


async def test_a_moved_head_comes_with_what_its_path_got_and_not_with_other_branches(
    history: History, c: str
) -> None:
    await history.append(c, user("Q2"), after_seq=2)
    await history.append(c, user("beside"), expected_head=4, on_conflict="branch")
    await history.append(c, assistant("A2"))
    with pytest.raises(HeadMoved, match="grew from 5 to 7") as raised:
        await history.append(c, user("x"), expected_head=5)
    assert [message.text for message in raised.value.added] == ["A2"]
    with pytest.raises(HeadMoved, match="4, is on another branch than the present one, 7") as raised:
        await history.append(c, user("x"), expected_head=4)
    assert [message.text for message in raised.value.added] == ["Q2", "A2"]
    await history.switch_head(c, 6)
    with pytest.raises(HeadMoved) as raised:
        await history.append(c, user("x"), expected_head=5)
    assert [message.text for message in raised.value.added] == ["q2", "a2", "beside"]


async def test_nothing_hangs_in_the_trash_or_in_what_is_not_there(store: Recollect, c: str) -> None:
    alice, bob = store.for_user("alice"), store.for_user("bob")
    await alice.delete(c)
    with pytest.raises(Conflict, match="in the trash"):
        await alice.append(c, user("x"), after_seq=9)
    with pytest.raises(Conflict, match="in the trash"):
        await alice.switch_head(c, 1)
    for of, id in ((bob, c), (alice, "nope")):
        with pytest.raises(NotFound, match="there is no conversation"):
            await of.append(id, user("x"), after_seq=1)
        with pytest.raises(NotFound, match="there is no conversation"):
            await of.switch_head(id, 1)
        with pytest.raises(NotFound, match="there is no conversation"):
            await of.branches(id)


async def test_a_retry_of_an_edit_is_the_edit(history: History, c: str) -> None:
    first = await history.append(c, user("Q2"), after_seq=2, key="k")
    await history.append(c, assistant("A2"))
    await history.append(c, user("again"), after_seq=2)
    again = await history.append(c, user("Q2"), after_seq=2, key="k")
    assert again == Appended(c, first.first_seq, first.last_seq, first.head, replayed=True)
    with pytest.raises(KeyReused):
        await history.append(c, user("other"), after_seq=2, key="k")
    assert (await history.get(c)).last_seq == 7


async def test_a_retry_says_whether_the_append_had_branched_off_wherever_the_head_went_since(
    history: History, c: str
) -> None:
    branched = await history.append(c, user("aside"), key="aside", expected_head=2, on_conflict="branch")
    assert branched == Appended(c, 5, 5, head=4, branched=True)
    # The head is not the newest message any more; this one hangs under it and does not branch off.
    plain = await history.append(c, user("q3"), key="plain", expected_head=4, on_conflict="branch")
    assert plain == Appended(c, 6, 6, head=6)
    # And this one branches off under the message right before it.
    await history.switch_head(c, 4)
    next_to = await history.append(c, user("x"), key="next", expected_head=6, on_conflict="branch")
    assert next_to == Appended(c, 7, 7, head=4, branched=True)
    await history.switch_head(c, 2)
    for key, words, head, first in (
        ("aside", "aside", 2, branched),
        ("plain", "q3", 4, plain),
        ("next", "x", 6, next_to),
    ):
        again = await history.append(c, user(words), key=key, expected_head=head, on_conflict="branch")
        first.replayed = True
        assert again == first


async def test_other_answers_at_once_all_hang_there(history: History, c: str) -> None:
    results = await asyncio.gather(
        *(history.append(c, [assistant(f"{n}"), user("ok")], after_seq=3, key=f"{n}") for n in range(12)),
        *(history.append(c, [assistant(f"{n}"), user("ok")], after_seq=3, key=f"{n}") for n in range(12)),
    )
    assert sorted({done.first_seq for done in results}) == list(range(5, 29, 2))
    assert sum(done.replayed for done in results) == 12
    found = (await history.branches(c, at_seq=3)).branches
    assert [each.seq for each in found] == [4, *range(5, 29, 2)]
    conversation = await history.get(c)
    assert (conversation.last_seq, conversation.head_seq) == (28, 28)
    for each in found[1:]:
        assert each.head_seq == each.seq + 1
        words = ["q1", "a1", "q2", each.text, "ok"]
        assert await context(history, c, upto_seq=each.head_seq) == words


async def test_branches_are_listed_while_others_are_made(history: History, c: str) -> None:
    async def edit() -> None:
        for number in range(60):
            await history.append(c, user(f"{number}"), after_seq=number % 4)

    async def look() -> None:
        while not edits.done():
            for branch in (await history.branches(c)).branches:
                assert branch.parent_seq < branch.seq <= branch.head_seq
                assert branch.text

    edits = asyncio.create_task(edit())
    await asyncio.gather(edits, look(), look())
    assert len((await history.branches(c, at_seq=0)).branches) == 16


async def test_branches_within_branches(history: History, c: str) -> None:
    await history.append(c, [user("Q2"), assistant("A2")], after_seq=2)  # 5, 6
    await history.append(c, assistant("A2 again"), after_seq=5)  # 7
    await history.append(c, user("aside"), expected_head=6, on_conflict="branch")  # 8
    assert await branches(history, c) == [
        (3, 2, 4, False),
        (5, 2, 8, True),
        (6, 5, 8, False),
        (7, 5, 7, True),
    ]
    assert await branches(history, c, at_seq=5) == [(6, 5, 8, False), (7, 5, 7, True)]
    assert await branches(history, c, at_seq=6) == []
    assert await branches(history, c, at_seq=99) == []


async def test_branches_are_paged_backwards_by_parent_and_seq(history: History, c: str) -> None:
    for after in (0, 2, 0, 2, 3):
        await history.append(c, user("another"), after_seq=after)
    every = await branches(history, c)
    assert [(parent, seq) for seq, parent, *_ in every] == [
        (0, 1), (0, 5), (0, 7), (2, 3), (2, 6), (2, 8), (3, 4), (3, 9)
    ]  # fmt: skip
    shown: list[Branch] = []
    before: int | None = None
    while True:
        page = await history.branches(c, before=before, limit=3)
        shown[:0] = page.branches
        if not page.more_before:
            break
        before = page.branches[0].seq
    assert shown == (await history.branches(c)).branches
    page = await history.branches(c, at_seq=2, limit=2)
    assert ([each.seq for each in page.branches], page.more_before) == ([6, 8], True)
    page = await history.branches(c, at_seq=2, before=6)
    assert ([each.seq for each in page.branches], page.more_before) == ([3], False)
    assert await history.branches(c, before=1) == BranchPage([], more_before=False)
    for wrong in ({"limit": 0}, {"limit": 501}, {"before": -1}):
        with pytest.raises(InvalidArgument, match=next(iter(wrong))):
            await history.branches(c, **wrong)


async def test_a_branch_shows_what_it_begins_with(history: History, c: str) -> None:
    await history.append(c, assistant("long " * 100), after_seq=3)
    first, second = (await history.branches(c)).branches
    assert (first.role, first.text, second.role, second.text) == (
        "assistant",
        "a2",
        "assistant",
        ("long " * 100)[:200],
    )
    stored = (await history.list_messages(c)).messages
    assert [first.created_at, second.created_at] == [stored[3].created_at, stored[4].created_at]


async def test_tokens_of_a_path_stop_at_the_largest_integer(
    database_url: str, history: History, c: str
) -> None:
    most = 2**31 - 1
    await history.append(c, NewMessage("user", "huge", token_count=most))
    await history.append(c, [NewMessage("user", "x", token_count=1), NewMessage("user", "y", token_count=2)])
    await history.append(c, NewMessage("user", "z", token_count=3), after_seq=6)
    await history.append(c, NewMessage("user", "aside", token_count=3), after_seq=4)
    connection = await asyncpg.connect(**parse_url(database_url).connect_args)
    rows = await connection.fetch("SELECT token_count, path_tokens FROM recollect.message ORDER BY seq")
    await connection.close()
    four = sum(row["token_count"] for row in rows[:4])
    assert [row["path_tokens"] for row in rows[3:]] == [four, most, most, most, most, four + 3]
    assert (await context(history, c))[-1] == "aside"
