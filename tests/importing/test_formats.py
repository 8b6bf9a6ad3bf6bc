"""Every format, from a file of it to what a model reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from recollect.history.formats import FORMATS, Format
from recollect.history.history import History
from tests.importing.conftest import Import, conversations, messages, outcomes

SOURCES = {
    "chatgpt": 2,
    "claude": 2,
    "claude_code": 2,
    "codex": 2,
    "messages.jsonl": 2,
    "open_webui.json": 1,
    "librechat.json": 1,
    "takeout": 2,
}


@pytest.mark.parametrize(("source", "count"), SOURCES.items())
async def test_every_format_is_recognised_and_a_second_import_changes_nothing(
    importing: Import, history: History, source: str, count: int
) -> None:
    first = await importing(source)
    before = [await messages(history, one.conversation_id) for one in conversations(first)]
    second = await importing(source)
    assert outcomes(first) == ["created"] * count
    assert outcomes(second) == ["unchanged"] * count
    assert [await messages(history, one.conversation_id) for one in conversations(second)] == before
    assert all(one.messages == len(stored) for one, stored in zip(conversations(first), before, strict=True))


@pytest.mark.parametrize("source", SOURCES)
async def test_a_dry_run_says_what_an_import_does_and_stores_nothing(
    importing: Import, history: History, source: str
) -> None:
    dry = conversations(await importing(source, dry_run=True))
    assert (await history.list(archived=None)).conversations == []
    real = conversations(await importing(source))
    assert [(one.conversation_id, one.outcome, one.added) for one in dry] == [
        (one.conversation_id, one.outcome, one.added) for one in real
    ]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("format", FORMATS)
async def test_every_imported_conversation_can_go_on_with_every_provider(
    importing: Import, history: History, source: str, format: Format
) -> None:
    for report in conversations(await importing(source)):
        window = await history.context(report.conversation_id, format=format)
        assert window.messages or window.text
        dropped = [line for line in window.repairs if "left out" in line or "took out" in line]
        assert dropped == []


async def test_chatgpt_keeps_tree_times_models_and_instructions(importing: Import, history: History) -> None:
    report, plain = conversations(await importing("chatgpt"))
    found = await history.get(report.conversation_id)
    assert (found.title, found.instructions) == ("Fibonacci and a cat", "I am Maria.\n\nAnswer briefly.")
    assert found.created_at == datetime.fromtimestamp(1760000000.5, UTC)
    assert found.updated_at == datetime.fromtimestamp(1760000015.75, UTC)
    assert found.archived_at is not None
    assert found.metadata["origin"] == {"source": "chatgpt", "id": "6a0f-one", "model": "gpt-5"}
    stored = await messages(history, report.conversation_id)
    assert [(m.key, m.parent_seq) for m in stored][:5] == [
        ("import:u1", 0),
        ("import:a1", 1),
        ("import:a1b", 1),
        ("import:call", 3),
        ("import:out", 4),
    ]
    assert found.head_seq == stored[-1].seq
    assert stored[-1].key == "import:a3"
    assert stored[0].occurred_at == datetime.fromtimestamp(1760000001.25, UTC)
    assert stored[1].metadata["model"] == "gpt-4o"
    assert stored[3].parts == [
        {"type": "tool_call", "id": "call", "name": "python", "arguments": "fib(10)", "language": "python"}
    ]
    assert stored[4].parts == [{"type": "tool_result", "call_id": "call", "content": "55"}]
    assert report.notes.left_out == {"empty nodes": 1, "messages without content": 1}
    assert plain.title == "Zug nach Köln 🚆"


async def test_chatgpt_keeps_images_audio_and_what_it_does_not_know(
    importing: Import, history: History
) -> None:
    report, _ = conversations(await importing("chatgpt"))
    by_key = {m.key: m for m in await messages(history, report.conversation_id)}
    photo = by_key["import:u2"].parts
    assert [part["type"] for part in photo] == ["image", "text", "text", "audio"]
    assert (photo[0]["file_id"], photo[0]["width"]) == ("file-service://file-abc", 10)
    assert by_key["import:u2"].text == "What is on this photo?\n\nAnd say it aloud."
    assert by_key["import:a1b"].parts[0] == {"type": "reasoning", "text": "Counting\nStart with 1, 1."}
    assert by_key["import:quote"].text == "Cats\nhttps://example.org/cats\nCats sleep."
    assert by_key["import:err"].text == "AceInternalException: timed out"
    assert by_key["import:new"].parts[0]["value"]["workspaces"] == [{"id": "w"}]
    assert by_key["import:a3"].role == "assistant"
    assert any("critic" in note for note in report.notes.converted)


async def test_claude_keeps_branches_thinking_tools_and_attachments(
    importing: Import, history: History
) -> None:
    report, old = conversations(await importing("claude"))
    stored = await messages(history, report.conversation_id)
    assert [(m.key, m.parent_seq) for m in stored] == [
        ("import:m1", 0),
        ("import:m2", 1),
        ("import:m3", 2),
        ("import:m4", 3),
        ("import:m3b", 2),
        ("import:m4b", 5),
    ]
    assert (await history.get(report.conversation_id)).head_seq == 6
    assert [part["type"] for part in stored[0].parts] == ["text", "file", "text", "file"]
    assert (stored[0].parts[1]["name"], stored[0].parts[2]["text"]) == ("passport.txt", "Valid to 2031.")
    assert stored[1].parts == [
        {
            "type": "reasoning",
            "text": "Look it up.",
            "provider": "anthropic",
            "summaries": [{"summary": "Looking"}],
        },
        {"type": "tool_call", "id": "m2:1", "name": "web_search", "arguments": {"query": "visa"}},
        {"type": "tool_result", "call_id": "m2:1", "content": "Visa needed.", "name": "web_search"},
        {"type": "text", "text": "Yes."},
    ]
    assert [m.parent_seq for m in await messages(history, old.conversation_id)] == [0, 1]
    assert (old.title, report.title) == (None, "Visa for Maria")


async def test_claude_code_joins_the_lines_of_an_answer_and_rows_up_its_results(
    importing: Import, history: History
) -> None:
    reports = {one.source_id: one for one in conversations(await importing("claude_code"))}
    report = reports["3f2b6c1e-0000-4a00-8000-00000000000a"]
    assert report.title == "Failing test"
    stored = await messages(history, report.conversation_id)
    assert [(m.role, m.key, m.parent_seq) for m in stored] == [
        ("user", "import:u1", 0),
        ("assistant", "import:a1", 1),
        ("tool", "import:r1", 2),
        ("tool", "import:r2", 3),
        ("assistant", "import:a4", 4),
        ("user", "import:u2", 5),
        ("assistant", "import:a5", 6),
    ]
    assert [part["type"] for part in stored[1].parts] == ["reasoning", "tool_call", "tool_call"]
    assert stored[1].metadata["model"] == "claude-sonnet-4-5"
    assert (await history.get(report.conversation_id)).metadata["origin"]["cwd"] == "/home/maria/app"
    assert reports["agent-17"].messages == 2


async def test_codex_keeps_what_was_said_and_leaves_out_what_repeats_it(
    importing: Import, history: History
) -> None:
    old, new = conversations(await importing("codex"))
    assert (new.source_id, new.title) == ("0197-aaaa", "List the files")
    stored = await messages(history, new.conversation_id)
    assert [m.role for m in stored] == ["user", "user", "assistant", "tool", "tool", "assistant"]
    assert [part["type"] for part in stored[2].parts][1:] == ["tool_call", "tool_call"]
    assert stored[5].metadata == {"model": "gpt-5-codex"}
    assert (await history.get(new.conversation_id)).instructions == "You are Codex."
    assert sum(new.notes.left_out.values()) == 3
    assert [m.text for m in await messages(history, old.conversation_id)] == ["Say hi", "hi"]


async def test_lines_of_messages_come_whole_and_a_wrong_one_is_named(
    importing: Import, history: History
) -> None:
    first, second = conversations(await importing("messages.jsonl"))
    stored = await messages(history, first.conversation_id)
    assert [m.role for m in stored] == ["system", "user", "assistant", "tool", "assistant"]
    assert [m.text for m in await messages(history, second.conversation_id)] == ["One", "Two"]
    assert len(second.notes.problems) == 1
    assert second.notes.problems[0].startswith("message 2: ")


async def test_open_webui_and_librechat_keep_their_trees(importing: Import, history: History) -> None:
    (soup,) = conversations(await importing("open_webui.json"))
    stored = await messages(history, soup.conversation_id)
    assert [(m.key, m.parent_seq) for m in stored] == [
        ("import:x1", 0),
        ("import:x2", 1),
        ("import:x4", 2),
        ("import:x3", 1),
    ]
    assert (await history.get(soup.conversation_id)).head_seq == 3
    assert [part["type"] for part in stored[0].parts] == ["text", "image", "file", "text"]
    assert stored[0].text.endswith("Boil water.")  # so that a search finds it
    (chess,) = conversations(await importing("librechat.json"))
    stored = await messages(history, chess.conversation_id)
    assert [(m.role, m.parent_seq) for m in stored] == [("user", 0), ("assistant", 1), ("assistant", 1)]
    assert [part["type"] for part in stored[1].parts] == ["reasoning", "tool_call", "tool_result", "text"]
    found = await history.get(chess.conversation_id)
    assert (found.head_seq, found.instructions) == (3, "You play chess.")


async def test_a_takeout_gives_each_prompt_with_its_answer(importing: Import, history: History) -> None:
    rivers, feature = conversations(await importing("takeout"))
    stored = await messages(history, rivers.conversation_id)
    assert [m.text for m in stored] == ["Name three rivers", "Three rivers:\n- Rhine\n- Elbe & Oder"]
    assert feature.notes.left_out == {"entries without an answer, such as feedback": 1}
