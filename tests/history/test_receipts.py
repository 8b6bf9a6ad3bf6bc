"""A receipt gives the same window again, byte for byte, or says why that cannot be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from recollect.db.target import parse_url
from recollect.history import receipt as receipts
from recollect.history.formats import FORMATS, Format
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument, NotReproducible
from recollect.models.message import ContextWindow, NewMessage


def user(text: str) -> NewMessage:
    return NewMessage("user", text)


@pytest.fixture
async def c(history: History) -> str:
    """A conversation of words, calls with and without results, and a large message."""
    id = (await history.create(instructions="Be brief.")).id
    call: list[dict[str, Any]] = [{"type": "tool_call", "id": "1", "name": "f", "arguments": {"nul": "\x00"}}]
    lost: list[dict[str, Any]] = [{"type": "tool_call", "id": "2", "name": "f", "arguments": {}}]
    result: list[dict[str, Any]] = [{"type": "tool_result", "call_id": "1", "content": "\ud800 rows"}]
    for turn in range(6):
        await history.append(
            id,
            [
                user(f"look {turn} " * 20),
                NewMessage("assistant", call),
                NewMessage("tool", result),
                NewMessage("assistant", lost),
                user("large " * (3_000 if turn == 4 else 1)),
            ],
        )
    return id


async def remember(history: History, c: str, **arguments: Any) -> dict[str, ContextWindow]:
    """Windows of several sizes and formats, by their receipts."""
    windows = [
        await history.context(c, max_tokens=budget, format=format, **arguments)
        for format in FORMATS
        for budget in (90, 600, 100_000)
    ]
    by_receipt = {window.receipt: window for window in windows}
    assert len(by_receipt) == len(windows)
    return by_receipt


async def all_come_again(history: History, c: str, windows: dict[str, ContextWindow]) -> None:
    """Whatever came since, which only `current_head` tells, and how much stands in no summary."""
    head = (await history.get(c)).head_seq
    for receipt, window in windows.items():
        again = await history.context(c, receipt=receipt)
        now = {} if window.summary_upto else {"tokens_outside": again.tokens_outside}
        assert again == replace(window, current_head=head, **now)


async def test_it_reproduces_the_window_in_every_format(history: History, c: str) -> None:
    await all_come_again(history, c, await remember(history, c))


async def test_budget_format_and_the_last_message_are_in_it(history: History, c: str) -> None:
    window = await history.context(c, max_tokens=600, format="anthropic", upto_seq=10)
    assert await history.context(c, max_tokens=9, receipt=window.receipt) == window


async def test_it_outlives_everything_that_is_added(history: History, c: str) -> None:
    windows = await remember(history, c) | await remember(history, c, upto_seq=12)
    await history.append(c, [user("more " * 50)] * 5)
    await all_come_again(history, c, windows)
    await history.append(c, user("an edit"), after_seq=7)
    await all_come_again(history, c, windows)
    await history.switch_head(c, 3)
    await all_come_again(history, c, windows)
    await history.update(c, title="Another", metadata={"x": 1}, archived=True)
    await all_come_again(history, c, windows)


async def test_it_outlives_newer_summaries(history: History, c: str) -> None:
    without = await remember(history, c)
    await history.save_summary(c, 5, "Up to five.")
    windows = await remember(history, c)
    assert any(window.summary_upto == 5 for window in windows.values())
    await history.save_summary(c, 25, "Up to twenty-five.")
    assert any(window.summary_upto == 25 for window in (await remember(history, c)).values())
    await all_come_again(history, c, without | windows)


async def test_a_window_of_a_branch_comes_again(history: History, c: str) -> None:
    await history.append(c, [user("other " * 30)] * 10, after_seq=7)
    await history.save_summary(c, 33, "Of the branch.")
    windows = await remember(history, c)
    await history.switch_head(c, 30)
    await history.append(c, user("on the first path"))
    await all_come_again(history, c, windows)


@pytest.mark.parametrize("format", FORMATS)
async def test_the_window_of_an_empty_conversation_comes_again(history: History, format: Format) -> None:
    c = (await history.create(instructions="Be brief.")).id
    window = await history.context(c, format=format)
    assert await history.context(c, receipt=window.receipt) == window
    await history.append(c, user("hi"))
    again = await history.context(c, receipt=window.receipt)
    assert again == replace(window, current_head=1)


async def test_a_turns_receipt_is_its_contexts(history: History, c: str) -> None:
    turn = await history.open_turn(user("well?"), key="k", id=c, format="openai")
    await history.append(c, NewMessage("assistant", "well"))
    again = await history.context(c, receipt=turn.context.receipt)
    assert again.messages == turn.context.messages


async def refusal(history: History, c: str, receipt: str) -> str:
    with pytest.raises(NotReproducible) as raised:
        await history.context(c, receipt=receipt)
    return str(raised.value)


async def test_changed_instructions_are_named(history: History, c: str) -> None:
    receipt = (await history.context(c)).receipt
    for instructions in ("Be long.", None):
        await history.update(c, instructions=instructions)
        assert "instructions or the summary were changed since" in await refusal(history, c, receipt)
    await history.update(c, instructions="Be brief.")
    assert (await history.context(c, receipt=receipt)).receipt == receipt


async def test_a_replaced_or_removed_summary_is_named(database_url: str, history: History, c: str) -> None:
    await history.save_summary(c, 10, "First.")
    window = await history.context(c, max_tokens=600)
    assert window.summary_upto == 10
    await history.save_summary(c, 10, "Second.")
    text = await refusal(history, c, window.receipt)
    assert "the instructions or the summary were changed since" in text
    connection = await asyncpg.connect(**parse_url(database_url).connect_args)
    await connection.execute("DELETE FROM recollect.summary")
    await connection.close()
    assert "the summary up to #10 is not there" in await refusal(history, c, window.receipt)
    await history.save_summary(c, 10, "First.")
    assert await history.context(c, receipt=window.receipt) == window


async def test_what_was_purged_is_said_to_be_gone(store: Recollect, history: History) -> None:
    await history.create(id="talk")
    await history.append("talk", [user("one"), user("two")])
    receipt = (await history.context("talk")).receipt
    await history.purge("talk")
    text = await refusal(history, "talk", receipt)
    assert "there is no conversation 'talk'" in text
    # Another user's looks the same, receipt or not.
    await store.for_user("bob").create(id="talk")
    assert await refusal(history, "talk", receipt) == text
    # Made again, it is another one: with as many messages, with fewer, with none.
    await history.create(id="talk")
    assert "as after it was purged and made again" in await refusal(history, "talk", receipt)
    await history.append("talk", user("three"))
    assert "as after it was purged and made again" in await refusal(history, "talk", receipt)
    await history.append("talk", user("four"))
    assert "as after it was purged and made again" in await refusal(history, "talk", receipt)


async def test_another_users_receipt_says_nothing_about_them(store: Recollect, history: History) -> None:
    bob = store.for_user("bob")
    for of, words in ((history, "mine"), (bob, "his")):
        await of.create(id="talk")
        await of.append("talk", user(words))
    receipt = (await bob.context("talk")).receipt
    text = await refusal(history, "talk", receipt)
    assert "his" not in text.replace("this window", "")
    await bob.append("talk", user("more"))
    await bob.purge("talk")
    assert await refusal(history, "talk", receipt) == text


@pytest.mark.parametrize("version", ["renderer", "estimator"])
async def test_another_version_of_the_renderer_is_named(history: History, c: str, version: str) -> None:
    written = receipts.read((await history.context(c)).receipt)
    other = written._replace(**{version: f"{getattr(written, version)[0]}999"})
    text = await refusal(history, c, str(other))
    assert f"{version} {getattr(other, version)}" in text
    assert written.renderer in text


async def test_every_part_of_a_receipt_is_checked(history: History, c: str) -> None:
    await history.save_summary(c, 10, "Up to ten.")
    written = receipts.read((await history.context(c, max_tokens=600, format="openai")).receipt)
    for changed in (
        {"format": "anthropic"},
        {"max_tokens": written.max_tokens + 50},
        {"first_seq": written.first_seq + 1},
        {"tip": written.tip - 1},
        {"tip": written.tip + 1},
        {"tip": 2**31 - 1},
        {"summary_upto": 0},
        {"summary_upto": 11},
        {"front": "0" * 6},
        {"digest": "0" * 16},
    ):
        assert "cannot be made again" in await refusal(history, c, str(written._replace(**changed)))


def broken(receipt: str) -> list[Any]:
    fields = receipt.split(".")
    replaced = [
        ".".join([*fields[:place], field, *fields[place + 1 :]])
        for place, field in (
            (2, "html"),
            (3, "0"),
            (3, "2000001"),
            (3, "-5"),
            (4, f"1-{2**31}"),
            (4, "9999999999-1"),
            (4, "1"),
            (4, "1-\u0661"),
            (5, str(2**31)),
            (6, "XYZ123"),
            (7, fields[7].upper() + "A"),
        )
    ]
    return [
        *replaced,
        *(receipt[:cut] for cut in range(len(receipt))),
        f"{receipt}.1",
        f" {receipt}",
        7,
        b"w",
    ]


@pytest.mark.parametrize("beside", [{"upto_seq": 1}, {"format": "anthropic"}, {"query": "look"}], ids=str)
async def test_what_a_receipt_decides_is_refused_beside_it(
    history: History, c: str, beside: dict[str, Any]
) -> None:
    window = await history.context(c, max_tokens=600, format="openai")
    assert await history.context(c, format="openai", receipt=window.receipt) == window
    with pytest.raises(InvalidArgument) as refused:
        await history.context(c, receipt=window.receipt, **beside)
    assert refused.value.argument == next(iter(beside))


async def test_what_no_window_came_with_is_refused_as_a_receipt(history: History, c: str) -> None:
    receipt = (await history.context(c)).receipt
    for forged in broken(receipt):
        with pytest.raises(InvalidArgument, match="is not one that load_context gave") as raised:
            await history.context(c, receipt=forged)
        assert raised.value.argument == "receipt"


async def test_many_at_once_while_the_conversation_goes_on(history: History, c: str) -> None:
    windows = await remember(history, c)

    async def go_on() -> None:
        for number in range(40):
            await history.append(c, user(f"{number}"), after_seq=number % 30)

    async def look() -> None:
        for receipt, window in windows.items():
            again = await history.context(c, receipt=receipt)
            assert replace(again, current_head=window.current_head) == window

    await asyncio.gather(go_on(), look(), look())
