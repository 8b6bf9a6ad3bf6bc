"""What real archives have and a tidy fixture has not: nothing that was said is lost, or it is told."""

from __future__ import annotations

import json
import uuid
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recollect.history.history import History
from recollect.history.importing.piece import GROUP_MESSAGES
from recollect.history.importing.values import time
from recollect.history.store import Recollect
from recollect.models.imported import ImportReport, Problem, Skipped
from tests.importing.chatgpt_files import conversation, node, write
from tests.importing.conftest import conversations, import_into, messages

NOBODY = "00000000-0000-4000-8000-000000000000"
SESSION = "3f2b6c1e-0000-4a00-8000-00000000000b"


@pytest.fixture
def mine(shared_store: Recollect) -> History:
    """A user's empty history in the module's database."""
    return shared_store.for_user(f"user-{uuid.uuid4()}")


def lines(path: Path, *values: Any) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def problems(reports: list[ImportReport]) -> list[str]:
    told = [str(report) for report in reports if isinstance(report, Problem)]
    return told + [problem for one in conversations(reports) for problem in one.notes.problems]


async def texts(history: History, reports: list[ImportReport]) -> list[tuple[int, str, str]]:
    """(parent_seq, role, text) of the messages of the one conversation that came, by seq."""
    (report,) = conversations(reports)
    return [(m.parent_seq, m.role, m.text) for m in await messages(history, report.conversation_id)]


@pytest.mark.parametrize("first", [{"role": "user", "content": "Q" * 300_000}, None], ids=["long", "broken"])
async def test_lines_are_lines_however_the_first_one_looks(
    mine: History, tmp_path: Path, first: dict[str, str] | None
) -> None:
    whole = [{"messages": [{"role": "user", "content": f"words {n}"}]} for n in range(3)]
    file = lines(tmp_path / "chat.jsonl", {"messages": [first]} if first else "x", *whole)
    if first is None:
        file.write_text(file.read_text().replace('"x"', '{"messages": [{"role": "us'))
    reports = await import_into(mine, file)
    assert len(conversations(reports)) == 3 + (first is not None)
    assert len(problems(reports)) == (first is None)


async def test_chatgpt_keeps_old_instructions_pictures_for_tools_and_videos(
    mine: History, tmp_path: Path
) -> None:
    hidden = {"user_context_message_data": {"about_user_message": "Maria", "about_model_message": "Be brief"}}
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://cat"}
    video = {
        "content_type": "real_time_user_audio_video_asset_pointer",
        "audio_asset_pointer": None,
        "video_container_asset_pointer": "sediment://video",
    }
    found = conversation("a", ["", "to the tool", "video"])
    system, call, seen = (found["mapping"][f"a-{number}"]["message"] for number in range(3))
    system |= {"author": {"role": "system"}, "metadata": hidden}
    call |= {"recipient": "image_gen", "create_time": "1760000001.25"}
    call["content"] = {"content_type": "multimodal_text", "parts": ["a hat", picture]}
    seen["content"] = {"content_type": "multimodal_text", "parts": [video, None, 7]}
    reports = await import_into(mine, write(tmp_path / "1.json", found))
    (report,) = conversations(reports)
    assert (await mine.get(report.conversation_id)).instructions == "Maria\n\nBe brief"
    asked, shown = await messages(mine, report.conversation_id)
    assert [(part["type"], part.get("arguments")) for part in asked.parts] == [
        ("image", None),
        ("tool_call", "a hat"),
    ]
    assert asked.occurred_at == datetime.fromtimestamp(1760000001.25, UTC)
    assert [(part["type"], part["file_id"]) for part in shown.parts] == [("file", "sediment://video")]
    assert problems(reports) == ["a part of a message that is neither text nor an object: 7"]


async def test_a_chain_is_put_together_from_children_and_a_missing_parent_is_told(
    mine: History, tmp_path: Path
) -> None:
    found = conversation("a", ["1", "2", "3"])
    for number in range(3):
        found["mapping"][f"a-{number}"] |= {"parent": None, "children": [f"a-{number + 1}"]}
    found["mapping"]["z"] = node("z", "deleted", "4")
    reports = await import_into(mine, write(tmp_path / "1.json", found))
    assert [parent for parent, _, _ in await texts(mine, reports)] == [0, 1, 2, 0]
    (report,) = conversations(reports)
    assert report.notes.converted["messages whose parent is missing, kept as beginnings"] == 1


def claudes(id: str, text: str, parent: str = NOBODY, **fields: Any) -> dict[str, Any]:
    said = {"uuid": id, "sender": "human", "text": text, "parent_message_uuid": parent}
    return {**said, "content": [{"type": "text", "text": text}], **fields}


async def test_claude_keeps_files_of_one_name_and_what_stands_in_them_is_found(
    mine: History, tmp_path: Path
) -> None:
    pasted = [{"file_name": "paste.txt", "extracted_content": f"lighthouse {n}"} for n in ("one", "two")]
    pictures = [{"file_name": "image.png", "file_uuid": f"f{number}"} for number in range(2)]
    kinds = [{**picture, "file_kind": "image"} for picture in pictures]
    said = claudes("m", "Look", attachments=pasted, files=pictures, files_v2=kinds)
    (report,) = conversations(
        await import_into(
            mine, write(tmp_path / "conversations.json", {"uuid": "c", "chat_messages": [said]})
        )
    )
    (stored,) = await messages(mine, report.conversation_id)
    assert [(part["type"], part.get("file_id")) for part in stored.parts if part["type"] != "text"] == [
        ("file", None),
        ("file", None),
        ("image", "f0"),
        ("image", "f1"),
    ]
    assert stored.text == "Look\n\nlighthouse one\n\nlighthouse two"
    assert [hit.seq for hit in (await mine.search("lighthouse")).hits] == [1]


async def test_claude_keeps_what_a_search_found_and_different_messages_of_one_id(
    mine: History, tmp_path: Path
) -> None:
    knowledge = {"type": "knowledge", "title": "Porto", "url": "https://porto.example", "text": "Bridges"}
    results = [{"type": "tool_result", "name": "web_search", "content": [knowledge]}]
    said = [
        claudes("1", "Where?"),
        claudes("2", "", "1", sender="assistant", content=results),
        claudes("3", "Thanks", "2"),
        claudes("3", "Thanks", "2"),
        claudes("3", "No, thanks", "2"),
    ]
    reports = await import_into(
        mine, write(tmp_path / "conversations.json", {"uuid": "c", "chat_messages": said})
    )
    assert await texts(mine, reports) == [
        (0, "user", "Where?"),
        (1, "assistant", "Porto\nhttps://porto.example\nBridges"),
        (2, "user", "Thanks"),
        (2, "user", "No, thanks"),
    ]
    (report,) = conversations(reports)
    assert report.notes.left_out == {"messages that come twice": 1}
    assert report.notes.converted["different messages with one id, kept as two"] == 1


def coded(type: str, uuid: str, parent: str | None, content: Any, **fields: Any) -> dict[str, Any]:
    said = {"role": type, "content": content, **fields}
    return {"type": type, "uuid": uuid, "parentUuid": parent, "sessionId": SESSION, "message": said}


async def test_claude_code_keeps_what_was_typed_meanwhile_and_each_line_once(
    mine: History, tmp_path: Path
) -> None:
    thought = coded("assistant", "a1", "u1", [{"type": "thinking", "thinking": "hm"}], id="msg_1")
    queued = {"type": "queued_command", "prompt": "And run the tests", "commandMode": "prompt"}
    typed = {"type": "attachment", "uuid": "t", "parentUuid": "a2", "sessionId": SESSION}
    file = lines(
        tmp_path / f"{SESSION}.jsonl",
        coded("user", "u1", None, "Fix it"),
        thought,
        thought,
        coded("assistant", "a2", "a1", [{"type": "text", "text": "Done"}], id="msg_1"),
        {**typed, "attachment": queued},
        coded("assistant", "a3", "t", [{"type": "text", "text": "Tested"}], id="msg_2"),
        coded("user", "u1", None, "Fix it"),
        coded("user", "u1", None, "Break it"),
    )
    reports = await import_into(mine, file)
    assert await texts(mine, reports) == [
        (0, "user", "Fix it"),
        (1, "assistant", "Done"),
        (2, "user", "And run the tests"),
        (3, "assistant", "Tested"),
    ]
    (report,) = conversations(reports)
    assert report.notes.left_out["lines that come twice"] == 2
    assert len(problems(reports)) == 1


async def test_open_webui_keeps_answers_that_stand_elsewhere_than_in_content(
    mine: History, tmp_path: Path
) -> None:
    items = [
        {"type": "reasoning", "content": [{"type": "output_text", "text": "Counting"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Three"}]},
    ]
    history = {
        "q": {"parentId": None, "role": "user", "content": "How many?"},
        "a": {"parentId": "q", "role": "assistant", "content": "", "output": items},
        "b": {"parentId": "q", "role": "assistant", "content": "3", "merged": {"content": "Three in all"}},
        "c": {"parentId": "q", "role": "assistant", "content": "half", "error": {"content": "cut off"}},
        "d": None,
    }
    chat = {"id": "x", "chat": {"history": {"messages": history, "currentId": "a"}}}
    reports = await import_into(mine, write(tmp_path / "chats.json", chat))
    assert [text for _, _, text in await texts(mine, reports)] == [
        "How many?",
        "Three",
        "3\n\nThree in all",
        "half",
    ]
    (report,) = conversations(reports)
    stored = await messages(mine, report.conversation_id)
    assert stored[1].parts[0] == {"type": "reasoning", "text": "Counting"}
    assert stored[3].metadata == {"error": "cut off"}
    assert problems(reports) == ["1 messages that are no objects"]


async def test_librechat_is_as_old_as_its_messages_and_tells_what_is_none(
    mine: History, tmp_path: Path
) -> None:
    said: list[Any] = [
        {"messageId": "1", "sender": "User", "text": "q", "createdAt": "2025-03-03T03:03:01Z"},
        {"messageId": "2", "parentMessageId": "1", "text": "a", "createdAt": "2025-03-03T03:03:09Z"},
        {"messageId": "2", "parentMessageId": "1", "text": "b", "createdAt": "2025-03-03T03:03:08Z"},
        "junk",
    ]
    said[1]["attachments"] = [{"filename": "plot.png", "type": "image/png", "filepath": "/images/plot.png"}]
    file = tmp_path / "chat.json"
    file.write_text(json.dumps({"conversationId": "lc", "messages": said}))
    reports = await import_into(mine, file)
    assert await texts(mine, reports) == [(0, "user", "q"), (1, "assistant", "a"), (1, "assistant", "b")]
    (report,) = conversations(reports)
    found = await mine.get(report.conversation_id)
    assert (found.created_at, found.updated_at) == (
        datetime(2025, 3, 3, 3, 3, 1, tzinfo=UTC),
        datetime(2025, 3, 3, 3, 3, 9, tzinfo=UTC),
    )
    assert (await messages(mine, report.conversation_id))[1].parts[1]["path"] == "/images/plot.png"
    assert problems(reports) == ["a message that is no object: junk"]


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("1760000001.25", 2025),
        ("1760000001000", 2025),
        ("2025-10-09T08:53:21", 2025),
        ("20251009085321", None),
    ],
)
def test_a_time_is_read_as_numbers_and_as_text(value: str, year: int | None) -> None:
    found = time(value)
    assert (found and found.year) == year


async def test_a_takeout_keeps_pictures_tables_and_how_code_is_indented(
    mine: History, tmp_path: Path
) -> None:
    table = "<table><tr><td>a</td><td>b</td></tr></table>"
    answer = f"<p>So:</p>{table}<pre><code>if x &lt; 1:\n    go()</code></pre><p>Done</p>"
    entry = {"title": "Prompted How?", "time": "2026-05-05T05:05:05Z", "products": ["Gemini Apps"]}
    entry |= {"safeHtmlItem": [{"html": answer}], "imageFile": "a.png", "attachedFiles": ["a.png", "b.pdf"]}
    (report,) = conversations(await import_into(mine, write(tmp_path / "MyActivity.json", entry)))
    asked, said = await messages(mine, report.conversation_id)
    assert [part.get("name") for part in asked.parts] == [None, "a.png", "b.pdf"]
    assert said.text == "So:\na | b |\nif x < 1:\n    go()\nDone"


async def test_what_is_not_looked_into_is_told(mine: History, tmp_path: Path) -> None:
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("conversations.json", json.dumps([conversation("a", ["1"])]))
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(inner, "part.zip")
    inner.unlink()
    (tmp_path / "elsewhere").symlink_to(tmp_path.parent, target_is_directory=True)
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere.json")
    reports = await import_into(mine, tmp_path)
    assert [
        str(report).removeprefix(f"{tmp_path}/") for report in reports if isinstance(report, Skipped)
    ] == [
        "elsewhere: is a link to a folder, which is not followed; name it to import it",
        "outer.zip > part.zip: is a zip inside of a zip; unpack it to import it",
    ]
    assert problems(reports) == [f"{tmp_path}/gone.json: there is no such file or folder"]


async def test_a_head_in_the_middle_stays_where_it_was_when_the_messages_fill_their_writes(
    mine: History, tmp_path: Path
) -> None:
    found = conversation("a", [f"message {number}" for number in range(GROUP_MESSAGES)], head=249)
    (report,) = conversations(await import_into(mine, write(tmp_path / "1.json", found)))
    stored = await mine.get(report.conversation_id)
    assert (stored.last_seq, stored.head_seq, stored.linear) == (GROUP_MESSAGES, 250, False)
