"""The path that a context shows: to the head, wherever it was switched, or to any message."""

from __future__ import annotations

import pytest

from recollect.history.formats import FORMATS, Format
from recollect.history.history import History
from recollect.models.errors import InvalidArgument, NotFound
from recollect.models.message import Appended, NewMessage
from tests.history.branching import assistant, branches, context, four_messages, user


@pytest.fixture
async def c(history: History) -> str:
    return await four_messages(history)


async def test_the_head_is_switched_and_the_next_append_goes_on_there(history: History, c: str) -> None:
    await history.append(c, assistant("a2 again"), after_seq=3)
    before = await history.get(c)
    switched = await history.switch_head(c, 4)
    assert (switched.head_seq, switched.last_seq, switched.linear) == (4, 5, False)
    assert switched.updated_at > before.updated_at
    assert switched == await history.get(c)
    assert await context(history, c) == ["q1", "a1", "q2", "a2"]
    assert await history.append(c, user("q3"), expected_head=4) == Appended(c, 6, 6, head=6)
    assert await context(history, c) == ["q1", "a1", "q2", "a2", "q3"]
    assert await context(history, c, upto_seq=5) == ["q1", "a1", "q2", "a2 again"]


async def test_a_head_in_the_middle_hides_what_follows_until_it_is_switched_back(
    history: History, c: str
) -> None:
    assert not (await history.switch_head(c, 2)).linear
    assert await context(history, c) == ["q1", "a1"]
    assert await branches(history, c) == []
    assert (await history.switch_head(c, 4)).linear
    assert await context(history, c) == ["q1", "a1", "q2", "a2"]
    await history.switch_head(c, 2)
    await history.append(c, user("Q2"))
    assert await branches(history, c) == [(3, 2, 4, False), (5, 2, 5, True)]
    assert not (await history.switch_head(c, 5)).linear


@pytest.mark.parametrize("seq", [5, 2**31 - 1])
async def test_a_head_that_is_not_there_is_refused(history: History, c: str, seq: int) -> None:
    with pytest.raises(NotFound, match="seq: this conversation has no such message; its last one is 4"):
        await history.switch_head(c, seq)
    for wrong in (0, -1, 2**31, True):
        with pytest.raises(InvalidArgument, match="seq: must be an integer"):
            await history.switch_head(c, wrong)


async def test_a_context_as_of_a_message_that_is_not_there_is_refused(history: History, c: str) -> None:
    empty = (await history.create()).id
    for id, upto, last in ((c, 5, 4), (c, 2**31 - 1, 4), (empty, 1, 0)):
        with pytest.raises(InvalidArgument, match=f"upto_seq: .* no message {upto}; its last one is {last}"):
            await history.context(id, upto_seq=upto)
    for wrong in (0, -1, 2**31, True):
        with pytest.raises(InvalidArgument, match="upto_seq: must be an integer from 1"):
            await history.context(c, upto_seq=wrong)


@pytest.mark.parametrize("format", FORMATS)
async def test_a_context_never_shows_a_message_of_another_branch(history: History, format: Format) -> None:
    c = (await history.create()).id
    await history.append(c, [user("root"), assistant("both")])
    for name in ("left", "right"):
        await history.append(c, [user(f"{name} {n} " + "words " * 20) for n in range(30)], after_seq=2)
    tips = {each.text.split()[0]: each.head_seq for each in (await history.branches(c, at_seq=2)).branches}
    for name, other in (("left", "right"), ("right", "left")):
        for budget in (200, 600, 100_000):
            window = await history.context(c, max_tokens=budget, format=format, upto_seq=tips[name])
            rendered = f"{window.text}{window.messages}"
            assert f"{name} 29" in rendered
            assert other not in rendered


async def test_calls_and_results_of_branches_are_not_mixed_up(history: History, c: str) -> None:
    """The same call id on two branches; the answer of one is not the answer of the other."""

    def call(of: str) -> list[NewMessage]:
        made = [{"type": "tool_call", "id": "1", "name": "look", "arguments": {"of": of}}]
        return [user(of), NewMessage("assistant", made)]

    await history.append(c, call("left"), after_seq=4)
    await history.append(c, call("right"), after_seq=4)
    await history.append(
        c, NewMessage("tool", [{"type": "tool_result", "call_id": "1", "content": "R"}]), after_seq=8
    )
    left = await history.context(c, format="openai", upto_seq=6)
    assert left.messages[-1]["content"] == "No result was recorded for this call."
    assert (await history.context(c, format="openai")).messages[-1]["content"] == "R"
