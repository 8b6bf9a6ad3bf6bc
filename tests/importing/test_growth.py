"""Importing again: a newer export, an older one, and what happened here meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.message import NewMessage
from tests.importing.chatgpt_files import conversation, node, write
from tests.importing.conftest import Import, conversations, everything, import_into, messages, outcomes


async def test_a_newer_export_adds_what_is_new(importing: Import, history: History, tmp_path: Path) -> None:
    await importing(write(tmp_path / "old.json", conversation("a", ["1", "2"])))
    reports = await importing(
        write(tmp_path / "new.json", conversation("a", ["1", "2", "3", "4"]), conversation("b", ["x"]))
    )
    grown, fresh = conversations(reports)
    assert (grown.outcome, grown.added, grown.messages) == ("added", 2, 4)
    assert fresh.outcome == "created"
    assert [m.text for m in await messages(history, grown.conversation_id)] == ["1", "2", "3", "4"]
    found = await history.get(grown.conversation_id)
    assert (found.head_seq, found.linear, found.message_count) == (4, True, 4)


async def test_what_was_imported_is_found_in_any_script(
    importing: Import, history: History, tmp_path: Path
) -> None:
    await importing(
        write(tmp_path / "a.json", conversation("a", ["昨日は東京で桜を見た", "Das Café in Zürich"]))
    )
    for words, seq in (("桜", 1), ("zurich", 2)):
        assert (await history.search(words)).hits[0].seq == seq


async def test_growing_gives_what_importing_at_once_gives(
    importing: Import, history: History, tmp_path: Path
) -> None:
    whole = conversation("a", ["1", "2", "3", "4"])
    whole["mapping"]["side"] = node("side", "a-1", "another answer", 3)
    await importing(write(tmp_path / "old.json", conversation("a", ["1", "2"])))
    await importing(write(tmp_path / "new.json", whole))
    grown = await everything(history)
    for one in (await history.list()).conversations:
        await history.purge(one.id)
    await importing(tmp_path / "new.json")
    assert await everything(history) == grown


async def test_a_branch_that_came_to_be_there_is_a_branch_here(
    importing: Import, history: History, tmp_path: Path
) -> None:
    (first,) = conversations(await importing(write(tmp_path / "1.json", conversation("a", ["1", "2"]))))
    edited = conversation("a", ["1", "2"])
    edited["mapping"]["edit"] = node("edit", None, "1, asked better")
    edited["current_node"] = "edit"
    await importing(write(tmp_path / "2.json", edited))
    found = await history.get(first.conversation_id)
    assert (found.head_seq, found.linear) == (3, False)
    assert [m.parent_seq for m in await messages(history, first.conversation_id)] == [0, 1, 0]
    assert (await history.context(first.conversation_id)).omitted == 0


async def test_an_older_export_changes_nothing(importing: Import, history: History, tmp_path: Path) -> None:
    await importing(write(tmp_path / "new.json", conversation("a", ["1", "2", "3"])))
    before = await everything(history)
    reports = await importing(write(tmp_path / "old.json", conversation("a", ["1", "2"])))
    assert outcomes(reports) == ["unchanged"]
    assert await everything(history) == before


async def test_a_conversation_that_went_on_here_keeps_its_head(
    importing: Import, history: History, tmp_path: Path
) -> None:
    (first,) = conversations(await importing(write(tmp_path / "1.json", conversation("a", ["1", "2"]))))
    await history.append(first.conversation_id, NewMessage("user", "Going on here"), key="mine")
    (again,) = conversations(await importing(write(tmp_path / "2.json", conversation("a", ["1", "2", "3"]))))
    found = await history.get(first.conversation_id)
    assert (again.outcome, found.head_seq, found.last_seq, found.linear) == ("added", 3, 4, False)
    assert (await messages(history, first.conversation_id))[-1].parent_seq == 2
    assert "the conversation went on here: it stays where it is" in again.notes.converted


async def test_what_is_in_the_trash_here_stays_as_it_is(
    importing: Import, history: History, tmp_path: Path
) -> None:
    (first,) = conversations(await importing(write(tmp_path / "1.json", conversation("a", ["1"]))))
    await history.delete(first.conversation_id)
    assert outcomes(await importing(write(tmp_path / "2.json", conversation("a", ["1", "2"])))) == ["trashed"]
    assert (await history.get(first.conversation_id)).last_seq == 1


async def test_a_message_that_changed_there_stays_and_is_told(
    importing: Import, history: History, tmp_path: Path
) -> None:
    await importing(write(tmp_path / "1.json", conversation("a", ["1", "half an answ"])))
    (again,) = conversations(
        await importing(write(tmp_path / "2.json", conversation("a", ["1", "half an answer"])))
    )
    assert again.outcome == "unchanged"
    assert any("read otherwise" in note for note in again.notes.converted)
    assert (await messages(history, again.conversation_id))[1].text == "half an answ"


async def test_the_same_conversation_twice_in_one_export_is_one(
    importing: Import, history: History, tmp_path: Path
) -> None:
    file = write(tmp_path / "1.json", conversation("a", ["1"]), conversation("a", ["1", "2"]))
    assert outcomes(await importing(file)) == ["created", "added"]
    assert len((await history.list()).conversations) == 1


async def test_a_conversation_of_many_messages_comes_in_several_writes(
    importing: Import, history: History, tmp_path: Path
) -> None:
    texts = [f"message {number}" for number in range(1_700)]
    (report,) = conversations(
        await importing(write(tmp_path / "1.json", conversation("a", texts, head=1_203)))
    )
    found = await history.get(report.conversation_id)
    assert (report.added, found.last_seq, found.head_seq, found.message_count) == (1_700, 1_700, 1_204, 1_700)
    assert [m.text for m in await messages(history, report.conversation_id)] == texts


async def test_two_imports_at_once_store_everything_once(
    importing: Import, history: History, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "1.json", *[conversation(f"c{n}", [f"{n}-{i}" for i in range(40)]) for n in range(30)]
    )
    await asyncio.gather(importing(file), importing(file))
    assert sum(one.message_count for one in (await history.list(limit=100)).conversations) == 1_200


async def test_another_users_import_of_the_same_file_is_their_own(
    importing: Import, store: Recollect, tmp_path: Path
) -> None:
    file = write(tmp_path / "1.json", conversation("a", ["1"]))
    await importing(file)
    assert outcomes(await import_into(store.for_user("bob"), file)) == ["created"]
