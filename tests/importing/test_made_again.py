"""A conversation that is removed, and made again under its id, while an import is in the middle of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from recollect.history.history import History
from recollect.history.importing import read
from recollect.history.store import Recollect
from recollect.models.conversation import Conversation
from recollect.models.errors import Conflict
from recollect.models.imported import ImportedConversation, ImportedMessage, ImportReport
from recollect.models.message import NewMessage
from tests.importing.chatgpt_files import conversation, write
from tests.importing.conftest import conversations, import_into, messages, outcomes

MESSAGES = 1_600
STOPS_AT = 1_200
"""The first 500 are stored by then, and the next ones wait for those behind them."""


@pytest.fixture(params=["chatgpt", "recollect"])
async def archive(request: pytest.FixtureRequest, store: Recollect, tmp_path: Path) -> Path:
    """The same conversation in another program's export and in our own."""
    texts = [f"message {place}" for place in range(MESSAGES)]
    file = write(tmp_path / "conversations.json", conversation("c", texts))
    if request.param == "chatgpt":
        return file
    carol = store.for_user("carol")
    await import_into(carol, file)
    own = tmp_path / "recollect.jsonl"
    own.write_text("".join([text async for text in carol.export()]))
    return own


def stopping(file: Path, go_on: threading.Event) -> Iterator[ImportedConversation]:
    """The conversation, whose messages stop in the middle until they may go on."""

    def some_first(all_of_them: Iterator[ImportedMessage]) -> Iterator[ImportedMessage]:
        for place, message in enumerate(all_of_them):
            if place == STOPS_AT:
                assert go_on.wait(60)
            yield message

    for found in read([file]):
        if isinstance(found, ImportedConversation):
            found.messages = some_first(iter(found.messages))
            yield found


async def test_an_import_does_not_bring_back_a_user_who_was_erased(history: History, tmp_path: Path) -> None:
    """What it still holds would be stored after the receipt that says that nothing is left."""
    texts = [f"message {place}" for place in range(400)]
    file = write(tmp_path / "conversations.json", *[conversation(f"c{number}", texts) for number in range(4)])
    reports: list[ImportReport] = []

    async def erasing_meanwhile() -> None:
        async for report in history.import_conversations(read([file])):
            reports.append(report)
            assert (await history.erase_user()).conversations

    with pytest.raises(Conflict, match="everything of this user was removed"):
        await erasing_meanwhile()
    assert outcomes(reports) == ["created"]
    assert not (await history.list()).conversations


async def begun(history: History) -> Conversation:
    """The conversation, as soon as the first of its messages are there."""
    async with asyncio.timeout(60):
        while not (found := (await history.list()).conversations):
            continue
    return found[0]


@pytest.mark.parametrize("said", [0, 700])
async def test_what_is_left_of_an_import_goes_to_no_other_conversation(
    history: History, archive: Path, said: int
) -> None:
    """Whether that has fewer messages than were stored, or more."""
    go_on = threading.Event()

    async def imported() -> list[ImportReport]:
        return [report async for report in history.import_conversations(stopping(archive, go_on))]

    task = asyncio.create_task(imported())
    try:
        id = (await begun(history)).id
        await history.purge(id)
        await history.create(id=id, title="another one")
        for _ in range(said // 100):
            await history.append(id, [NewMessage("user", "mine")] * 100)
        await history.append(id, NewMessage("user", "mine"))
    finally:
        go_on.set()
        reports = await task
    assert outcomes(reports) == ["failed"]
    (report,) = conversations(reports)
    assert "removed while it was imported" in " ".join(report.notes.problems)
    assert {message.text for message in await messages(history, id)} == {"mine"}
    assert (await history.get(id)).title == "another one"
