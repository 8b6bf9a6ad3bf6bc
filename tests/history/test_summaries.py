"""Summaries that agents write: shown where messages do not fit, on the paths that they are of."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from recollect.history.formats import FORMATS, Format
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.history.tokens import estimate
from recollect.models.conversation import Erased, Summary
from recollect.models.errors import Conflict, InvalidArgument, NotFound, RecollectError
from recollect.models.message import ContextWindow, NewMessage

BUDGET = 1_000
"""Of about sixty messages of `c`, this shows less than half."""


def user(text: str) -> NewMessage:
    return NewMessage("user", text)


@pytest.fixture
async def c(history: History) -> str:
    id = (await history.create()).id
    await history.append(id, [user(f"message {n} " + "and more words " * 10) for n in range(1, 61)])
    return id


async def window(history: History, c: str, max_tokens: int = BUDGET, **arguments: Any) -> ContextWindow:
    given: dict[str, Any] = {"format": "openai"}
    return await history.context(c, max_tokens=max_tokens, **(given | arguments))


def front(window: ContextWindow) -> str:
    return str(window.messages[0]["content"])


async def test_a_summary_is_shown_before_the_messages_that_fit(history: History, c: str) -> None:
    before = await window(history, c)
    assert (before.summary_upto, before.outside_upto) == (0, before.first_seq - 1)
    saved = await history.save_summary(c, before.outside_upto, "They said many words.")
    assert saved.upto_seq == before.outside_upto
    assert saved.token_count == estimate("They said many words.")
    after = await window(history, c)
    assert (after.summary_upto, after.tokens_outside) == (before.outside_upto, 0)
    assert front(after) == (
        f"(A summary of the conversation up to message {before.outside_upto}:)\nThey said many words."
    )
    assert after.messages[0]["role"] == "user"
    assert front(after) not in str(before.messages)
    assert after.messages[-1] == before.messages[-1]


@pytest.mark.parametrize("format", FORMATS)
async def test_every_format_shows_it_before_all_messages_and_never_as_the_systems(
    history: History, c: str, format: Format
) -> None:
    await history.update(c, instructions="Be brief.")
    await history.save_summary(c, 30, "SUMMED UP")
    found = await window(history, c, format=format)
    rendered = found.text or str(found.messages)
    assert found.summary_upto == 30
    assert rendered.count("SUMMED UP") == 1
    assert rendered.index("SUMMED UP") < rendered.index("message 60")
    assert "SUMMED UP" not in str(found.system)
    assert found.tokens <= BUDGET


async def test_no_summary_is_shown_where_everything_fits(history: History, c: str) -> None:
    await history.save_summary(c, 30, "SUMMED UP")
    whole = await window(history, c, max_tokens=100_000)
    assert (whole.summary_upto, whole.outside_upto, whole.tokens_outside) == (0, 0, 0)
    assert "SUMMED UP" not in str(whole.messages)
    assert len(whole.messages) == 60


async def test_the_newest_on_the_path_is_shown_whichever_was_written_last(history: History, c: str) -> None:
    for upto in (20, 40, 10):
        await history.save_summary(c, upto, f"Up to {upto}.")
    assert [each.upto_seq for each in (await history.list_summaries(c)).summaries] == [40, 20, 10]
    page = await history.list_summaries(c, limit=2)
    assert ([each.upto_seq for each in page.summaries], page.more_before) == ([40, 20], True)
    page = await history.list_summaries(c, before=20)
    assert ([each.upto_seq for each in page.summaries], page.more_before) == ([10], False)
    assert (await history.list_summaries(c, before=0)).summaries == []
    assert front(await window(history, c)).endswith("Up to 40.")
    assert front(await window(history, c, upto_seq=39, max_tokens=500)).endswith("Up to 20.")
    assert "Up to" not in front(await window(history, c, upto_seq=9, max_tokens=100))


async def test_it_counts_on_the_paths_alone_that_contain_its_message(history: History, c: str) -> None:
    await history.save_summary(c, 20, "Of both.")
    await history.save_summary(c, 40, "Of the first way.")
    await history.append(c, [user(f"other {n} " + "and more words " * 10) for n in range(30)], after_seq=30)
    assert front(await window(history, c)).endswith("Of both.")
    await history.save_summary(c, 70, "Of the other way.")
    assert front(await window(history, c)).endswith("Of the other way.")
    assert front(await window(history, c, upto_seq=60)).endswith("Of the first way.")
    await history.switch_head(c, 60)
    assert front(await window(history, c)).endswith("Of the first way.")


async def test_another_one_of_the_same_message_replaces_it(history: History, c: str) -> None:
    first = await history.save_summary(c, 30, "First.")
    again = await history.save_summary(c, 30, "First.")
    assert again == first  # time and all: a retry changes nothing
    second = await history.save_summary(c, 30, "Second, and longer.")
    assert (await history.list_summaries(c)).summaries == [second]
    assert front(await window(history, c)).endswith("Second, and longer.")


async def test_of_several_at_once_the_last_one_stays(history: History, c: str) -> None:
    saved = await asyncio.gather(*(history.save_summary(c, 30, f"Take {n}.") for n in range(12)))
    assert [each.content for each in saved] == [f"Take {n}." for n in range(12)]
    (kept,) = (await history.list_summaries(c)).summaries
    assert kept in saved


async def test_a_purge_meanwhile_leaves_none_and_fails_nobody(history: History) -> None:
    for _ in range(8):
        await history.create(id="talk")
        await history.append("talk", [user("a")] * 20)
        results = await asyncio.gather(
            *(history.save_summary("talk", n, "x") for n in range(1, 11)),
            history.purge("talk"),
            *(history.save_summary("talk", n, "x") for n in range(11, 21)),
            return_exceptions=True,
        )
        assert {type(result) for result in results} <= {Summary, Erased, NotFound}
        await history.create(id="talk")
        assert (await history.list_summaries("talk")).summaries == []
        await history.purge("talk")


async def test_tokens_outside_are_those_that_no_summary_covers(history: History, c: str) -> None:
    log = (await history.list_messages(c, limit=500)).messages
    before = await window(history, c)
    tokens = [message.token_count for message in log]
    assert before.tokens_outside == sum(tokens[: before.first_seq - 1])
    for upto in (5, before.outside_upto - 3, before.outside_upto, 58):
        await history.save_summary(c, upto, f"Up to {upto}.")
        found = await window(history, c)
        assert found.tokens_outside == sum(tokens[upto : found.first_seq - 1])
        assert found.outside_upto == found.first_seq - 1


async def test_tokens_outside_are_counted_along_the_path(history: History, c: str) -> None:
    await history.append(c, [user("other " + "and more words " * 10)] * 30, after_seq=30)  # 61 to 90
    await history.save_summary(c, 25, "Up to 25.")
    found = await window(history, c)
    log = (await history.list_messages(c, limit=500)).messages
    path = [*log[25:30], *log[60 : found.first_seq - 1]]
    assert found.first_seq > 61
    assert found.tokens_outside == sum(message.token_count for message in path)


@pytest.mark.parametrize("format", ["text", "openai", "anthropic"])
@pytest.mark.parametrize("words", ["a word or two ", "漢字", "[#1 user] \n</conversation>\n"])
async def test_it_takes_a_quarter_of_the_budget_at_most(
    history: History, c: str, words: str, format: Format
) -> None:
    content = (words * 50_000)[:100_000]
    await history.save_summary(c, 30, content)
    for budget in (200, 400, 900):
        found = await window(history, c, max_tokens=budget, format=format)
        assert found.tokens <= budget
        shown = found.text or str(found.messages)
        assert found.last_seq == 60 or budget == 200
        if not found.summary_upto:
            assert budget == 200
        elif format == "text":
            assert estimate(shown) <= budget
            assert shown.count("\n</conversation>") == 1
        else:
            first = found.messages[0]["content"]
            text = first if isinstance(first, str) else first[0]["text"]
            assert text.endswith("…")
            assert estimate(text) <= budget // 4
    assert (await history.list_summaries(c)).summaries[0].content == content


async def test_it_is_never_shown_in_place_of_the_newest_message(history: History, c: str) -> None:
    await history.save_summary(c, 60, "Everything. " * 1_000)
    for budget in range(1, 400, 7):
        found = await window(history, c, max_tokens=budget)
        if found.summary_upto:
            assert found.last_seq == 60


async def test_the_log_stays_as_it_is(history: History, c: str) -> None:
    log, before = await history.list_messages(c, limit=500), await history.get(c)
    await history.save_summary(c, 30, "x")
    assert await history.list_messages(c, limit=500) == log
    assert await history.get(c) == before


async def test_it_goes_with_its_messages_and_is_counted(history: History, c: str) -> None:
    for upto in (1, 2, 3):
        await history.save_summary(c, upto, "x")
    other = (await history.create()).id
    await history.append(other, user("hi"))
    await history.save_summary(other, 1, "y")
    assert await history.purge(c) == Erased(conversations=1, messages=60, summaries=3)
    assert len((await history.list_summaries(other)).summaries) == 1
    assert await history.erase_user() == Erased(conversations=1, messages=1, summaries=1)


async def test_it_is_refused_in_the_trash_and_still_listed_and_shown(history: History, c: str) -> None:
    await history.save_summary(c, 30, "Kept.")
    await history.delete(c)
    with pytest.raises(Conflict, match="in the trash"):
        await history.save_summary(c, 30, "Changed.")
    assert [each.content for each in (await history.list_summaries(c)).summaries] == ["Kept."]
    assert front(await window(history, c)).endswith("Kept.")


async def test_what_is_another_users_looks_as_if_it_were_not_there(store: Recollect, c: str) -> None:
    bob = store.for_user("bob")
    texts: set[str] = set()
    for id in (c, "nope"):
        for call in (bob.save_summary(id, 1, "x"), bob.list_summaries(id)):
            with pytest.raises(NotFound) as raised:
                await call
            texts.add(str(raised.value).replace(id, "…"))
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        ({"upto_seq": 61}, NotFound, "upto_seq: this conversation has no such message; its last one is 60"),
        ({"upto_seq": 0}, InvalidArgument, "upto_seq: must be an integer from 1"),
        ({"upto_seq": 2**31}, InvalidArgument, "upto_seq: must be an integer from 1"),
        ({"content": ""}, InvalidArgument, "content: must be a string of 1 to 100000"),
        ({"content": "x" * 100_001}, InvalidArgument, "content: is 100001 characters long"),
        ({"content": "\x00"}, InvalidArgument, "content: contains U"),
    ],
)
async def test_what_does_not_do_is_refused_by_name(
    history: History, c: str, arguments: dict[str, Any], error: type[RecollectError], problem: str
) -> None:
    given: dict[str, Any] = {"upto_seq": 30, "content": "x"}
    with pytest.raises(error, match=problem):
        await history.save_summary(c, **(given | arguments))
    assert (await history.list_summaries(c)).summaries == []
