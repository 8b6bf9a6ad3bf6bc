from __future__ import annotations

import asyncio
from typing import Any

import pytest

from recollect.history.history import History
from recollect.models.errors import InvalidArgument, NotFound
from recollect.models.message import MessagePage, NewMessage


@pytest.fixture
async def c(history: History) -> str:
    id = (await history.create()).id
    await history.append(id, [NewMessage("user", f"m{n}") for n in range(1, 21)])
    return id


def seqs(page: MessagePage) -> list[int]:
    return [message.seq for message in page.messages]


async def test_without_arguments_the_newest_messages_come_in_reading_order(history: History, c: str) -> None:
    page = await history.list_messages(c, limit=3)
    assert (seqs(page), page.more_before, page.more_after) == ([18, 19, 20], True, False)


@pytest.mark.parametrize(
    ("arguments", "expected", "more_before", "more_after"),
    [
        ({"before": 5, "limit": 2}, [3, 4], True, True),
        ({"before": 3, "limit": 5}, [1, 2], False, True),
        ({"after": 18}, [19, 20], True, False),
        ({"after": 0, "limit": 3}, [1, 2, 3], False, True),
        ({"after": 3, "before": 6}, [4, 5], True, True),
        ({"around": 10, "limit": 5}, [8, 9, 10, 11, 12], True, True),
        ({"around": 10, "limit": 4}, [8, 9, 10, 11], True, True),
        ({"around": 1, "limit": 5}, [1, 2, 3, 4, 5], False, True),
        ({"after": 20}, [], True, False),
        ({"after": 99}, [], True, False),
        ({"before": 1}, [], False, True),
        ({"before": 0}, [], False, True),
        ({"limit": 3, "order": "desc"}, [20, 19, 18], True, False),
        ({"after": 3, "limit": 3, "order": "desc"}, [6, 5, 4], True, True),
        ({"before": 5, "limit": 2, "order": "desc"}, [4, 3], True, True),
    ],
)
async def test_a_run_is_chosen_by_seq(
    history: History,
    c: str,
    arguments: dict[str, Any],
    expected: list[int],
    more_before: bool,
    more_after: bool,
) -> None:
    page = await history.list_messages(c, **arguments)
    assert (seqs(page), page.more_before, page.more_after) == (expected, more_before, more_after)
    assert (page.head, page.last_seq) == (20, 20)


async def test_an_empty_conversation_has_an_empty_run(history: History) -> None:
    page = await history.list_messages((await history.create()).id)
    assert (page.messages, page.head, page.more_before, page.more_after) == ([], 0, False, False)


async def test_concise_messages_are_cut_and_leave_large_parts_behind(history: History, c: str) -> None:
    result = {
        "type": "tool_result",
        "call_id": "1",
        "content": [{"type": "text", "text": "x" * 900}, {"type": "image"}],
    }
    await history.append(c, [NewMessage("user", "y" * 101), NewMessage("tool", [result])])
    cut, left = (await history.list_messages(c, limit=2, max_chars=100)).messages
    assert cut.text == "y" * 101
    assert (left.text, left.parts) == ("x" * 101, [])
    assert left.token_count > 100


async def test_a_huge_message_is_read_slice_by_slice(history: History, c: str) -> None:
    text = "".join(chr(97 + n % 26) for n in range(50_000))
    await history.append(c, NewMessage("tool", [{"type": "tool_result", "call_id": "1", "content": text}]))
    read, offset = "", 0
    while True:
        piece = await history.read_message(c, 21, offset=offset, limit=9_999)
        assert (piece.offset, piece.total_chars) == (offset, 50_000)
        read += piece.text
        if piece.next_offset is None:
            break
        offset = piece.next_offset
    assert read == text
    assert (await history.read_message(c, 21, offset=60_000)).text == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"limit": 0}, "limit: must be an integer from 1 to 500"),
        ({"limit": 501}, "limit"),
        ({"before": -1}, "before: must be an integer"),
        ({"after": 2**63}, "after: must be an integer"),
        ({"around": 3, "before": 4}, "around: cannot be combined"),
        ({"order": "random"}, "order: must be asc or desc"),
        ({"max_chars": 0}, "max_chars"),
    ],
)
async def test_bad_arguments_are_refused_by_name(
    history: History, c: str, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        await history.list_messages(c, **arguments)


async def test_a_message_that_does_not_exist_says_what_the_last_one_is(history: History, c: str) -> None:
    with pytest.raises(NotFound, match="no message 21; its last one is 20"):
        await history.read_message(c, 21)
    with pytest.raises(NotFound, match="there is no conversation"):
        await history.read_message("nope", 1)


async def test_context_shows_instructions_and_the_newest_messages(history: History, c: str) -> None:
    await history.update(c, instructions="Be brief.")
    window = await history.context(c, max_tokens=100, format="openai")
    assert window.messages[0] == {"role": "system", "content": "Be brief."}
    assert window.messages[-1] == {"role": "user", "content": "m20"}
    assert (window.head, window.last_seq, window.omitted) == (20, 20, 20 - (len(window.messages) - 1))
    whole = await history.context(c)
    assert (whole.first_seq, whole.omitted, whole.repairs) == (1, 0, [])
    assert "<instructions>\nBe brief.\n</instructions>\n<conversation id=" in whole.text
    assert whole.text.endswith("m20\n</conversation>")


async def test_context_refuses_budgets_and_formats_that_it_cannot_render(history: History, c: str) -> None:
    for wrong in ({"max_tokens": 0}, {"max_tokens": 10**9}, {"max_tokens": "8000"}, {"format": "xml"}):
        with pytest.raises(InvalidArgument, match=next(iter(wrong))):
            await history.context(c, **wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(NotFound):
        await history.context("nope")


async def test_a_page_is_of_one_moment(history: History, c: str) -> None:
    """Messages that land while it is read are either in its head and its end too, or not at all."""
    reading = True

    async def write() -> None:
        while reading:
            await history.append(c, [NewMessage("user", "x"), NewMessage("user", "y")])

    async def read() -> None:
        after = 0
        for _ in range(500):
            page = await history.list_messages(c, after=after, limit=50)
            after = max(after, page.last_seq - 4)
            assert seqs(page) == list(range(seqs(page)[0], seqs(page)[0] + len(page.messages)))
            assert page.messages[-1].seq <= page.last_seq == page.head
            assert page.messages[-1].seq == page.last_seq or page.more_after

    writers = [asyncio.create_task(write()) for _ in range(2)]
    await asyncio.gather(*(read() for _ in range(4)))
    reading = False
    await asyncio.gather(*writers)
