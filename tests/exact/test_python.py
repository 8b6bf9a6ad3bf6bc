"""What is appended comes back equal, through Python."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from recollect.history.history import History
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage
from recollect.models.parts import MAX_JSON_DEPTH
from tests.exact.content import EXAMPLES, batches, deep, every_code_point, read, same, written


async def everything(history: History, id: str) -> list[str]:
    """All messages of a conversation, read page by page and one by one."""
    found: list[str] = []
    while True:
        page = await history.list_messages(id, after=len(found), limit=50)
        for message in page.messages:
            alone = (await history.read_message(id, message.seq)).message
            assert alone == message
            found.append(read(message))
            assert same(message.content) == same(alone.content)
        if not page.more_after:
            return found


@EXAMPLES
@given(batch=batches)
async def test_whatever_is_appended_comes_back_equal(alice: History, batch: list[NewMessage]) -> None:
    id = (await alice.create()).id
    await alice.append(id, batch, key="k")
    assert await everything(alice, id) == [written(message) for message in batch]
    assert (await alice.append(id, batch, key="k")).replayed
    for message in (await alice.list_messages(id, limit=len(batch))).messages:
        # What was read can be appended again and is the same.
        again = NewMessage(message.role, message.content, message.author, message.metadata)
        assert written(again) == read(message)
    await alice.context(id, max_tokens=50_000, format="text")
    await alice.context(id, max_tokens=50_000, format="openai")


async def test_every_code_point_comes_back(alice: History) -> None:
    id = (await alice.create()).id
    messages = every_code_point()
    assert sum(len(message.content) for message in messages) == 0x110000
    await alice.append(id, messages)
    page = await alice.list_messages(id, limit=500)
    assert [read(message) for message in page.messages] == [written(message) for message in messages]


async def test_text_that_can_be_stored_is_what_people_read_and_search(alice: History) -> None:
    id = (await alice.create()).id
    words = "NUL \x00, half \ud83d, other half \ude00, whole \ud83d\ude00"
    await alice.append(id, [NewMessage("user", words), NewMessage("user", "whole \ud83d\ude00")])
    first, second = (await alice.list_messages(id)).messages
    assert first.text == "NUL \ufffd, half \ufffd, other half \ufffd, whole \U0001f600"
    assert first.parts == [{"type": "text", "text": words.replace("\ud83d\ude00", "\U0001f600")}]
    assert second.content == second.text == "whole \U0001f600"


@pytest.mark.parametrize("where", ["part", "arguments", "result", "metadata"])
async def test_json_may_be_nested_to_the_limit_and_not_deeper(alice: History, where: str) -> None:
    id = (await alice.create()).id

    def message(levels: int) -> NewMessage:
        inside: dict[str, Any] = {}
        # The list of parts is the first level, a part the second; metadata are the first.
        match where:
            case "part":
                parts = [{"type": "image", "data": deep(levels - 2)}]
            case "arguments":
                arguments = {"in": deep(levels - 3)}
                parts = [{"type": "tool_call", "id": "1", "name": "f", "arguments": arguments}]
            case "result":
                content = [{"type": "file", "of": deep(levels - 4)}]
                parts = [{"type": "tool_result", "call_id": "1", "content": content}]
            case _:
                parts = [{"type": "text", "text": "x"}]
                inside = {"in": deep(levels - 1)}
        return NewMessage("assistant", parts, metadata=inside)

    await alice.append(id, message(MAX_JSON_DEPTH))
    with pytest.raises(InvalidArgument, match="nested deeper than 100 levels"):
        await alice.append(id, message(MAX_JSON_DEPTH + 1))
    assert await everything(alice, id) == [written(message(MAX_JSON_DEPTH))]


LIMIT = 10_000_000

TOO_LONG = pytest.param(10**5000, id="10^5000")


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u20ac", "\U0001f600", "\n"])
async def test_ten_megabytes_of_text_are_kept_and_one_more_byte_is_refused(
    alice: History, letter: str
) -> None:
    id = (await alice.create()).id
    size = len(letter.encode())
    text = letter * (LIMIT // size) + "x" * (LIMIT % size)
    await alice.append(id, NewMessage("user", text))
    (message,) = (await alice.list_messages(id)).messages
    assert message.content == text
    with pytest.raises(InvalidArgument, match="is 10000001 bytes; the limit is 10000000"):
        await alice.append(id, NewMessage("user", text + "x"))
    assert (await alice.get(id)).message_count == 1


async def test_a_tool_s_output_of_ten_megabytes_is_kept_once(alice: History) -> None:
    """Its text is not stored a second time inside its parts, so nearly all of the limit is text."""
    id = (await alice.create()).id
    part = {"type": "tool_result", "call_id": "1", "content": "y" * (LIMIT - 100)}
    await alice.append(id, NewMessage("tool", [part]))
    (message,) = (await alice.list_messages(id)).messages
    assert message.parts == [part]
    with pytest.raises(InvalidArgument, match="the limit is 10000000"):
        await alice.append(id, NewMessage("tool", [part | {"content": "y" * LIMIT}]))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), {1: 2}, {"a": b"x"}, ("a",), TOO_LONG])
async def test_what_json_cannot_carry_is_refused_and_never_changed(alice: History, wrong: Any) -> None:
    id = (await alice.create()).id
    with pytest.raises(InvalidArgument, match=r"messages\[0\]\.content"):
        await alice.append(id, NewMessage("user", [{"type": "image", "data": [wrong]}]))
    with pytest.raises(InvalidArgument, match=r"messages\[0\]\.metadata"):
        await alice.append(id, NewMessage("user", "x", metadata={"a": wrong}))
    assert (await alice.get(id)).message_count == 0
