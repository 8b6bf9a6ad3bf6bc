"""Broken and hostile sources: a clear error for the piece, and the rest goes on."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from recollect.history.history import History
from recollect.history.importing import read
from recollect.models.imported import ImportedConversation, Problem, Skipped
from tests.importing.chatgpt_files import conversation, node, write
from tests.importing.conftest import FIXTURES, Import, conversations, messages, outcomes


def texts(count: int) -> list[str]:
    return [f"words {number} äöü" for number in range(count)]


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ('{"title": "x", "mapping": {"a": }}', "is not JSON"),
        ('{"title": "x" "mapping": {}}', "is not JSON"),
        ('{"title": "never closed, "mapping": {}}', "is not JSON"),
        ('{"mapping": {"n": [1, 2', "is not JSON"),
        ('{"mapping": ' + "[" * 100_000, "is nested too deeply"),
        ('{"mapping": {}, "n": ' + "1" * 5_000 + "}", "a number with too many digits"),
        ('"a string"', "is not an object"),
        ('{"title": "no mapping"}', "is no conversation"),
    ],
)
async def test_one_broken_conversation_costs_itself_alone(
    importing: Import, tmp_path: Path, broken: str, complaint: str
) -> None:
    good = [json.dumps(conversation(f"c{number}", texts(30)), ensure_ascii=False) for number in range(40)]
    file = tmp_path / "conversations.json"
    file.write_text("[" + ",\n".join([*good[:20], broken, *good[20:]]) + "]", encoding="utf-8")
    reports = await importing(file)
    problems = [str(report) for report in reports if isinstance(report, Problem)]
    assert len(problems) == 1
    assert complaint in problems[0]
    assert "element 21" in problems[0]
    assert outcomes(reports) == ["created"] * 40


async def test_the_first_conversation_may_be_the_broken_one(importing: Import, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_text('[{"mapping": ]},\n' + json.dumps(conversation("a", ["1"])) + "]")
    reports = await importing(file)
    assert outcomes(reports) == ["created"]
    assert sum(isinstance(report, Problem) for report in reports) == 1


async def test_a_file_that_was_cut_off_gives_what_is_whole(importing: Import, tmp_path: Path) -> None:
    whole = json.dumps([conversation(f"c{number}", texts(50)) for number in range(50)])
    file = tmp_path / "conversations.json"
    file.write_text(whole[: len(whole) // 2])
    reports = await importing(file)
    assert 20 <= len(conversations(reports)) <= 25
    (problem,) = [report for report in reports if isinstance(report, Problem)]
    assert "is not JSON" in problem.problem


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("{" * 100_000 + ",{" * 200_000, id="beginnings"),
        pytest.param('{"mapping":{},"title":"' + ("x" * 93 + ",{") * 110_000, id="in a string"),
        pytest.param('{"a":[0,' * 900 + "{}," * 100_000, id="nested, never closed"),
    ],
)
def test_a_file_that_was_made_to_be_slow_is_not_read_again_and_again(
    hostile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = attempts = 0
    decode = json.JSONDecoder.raw_decode

    def counted(decoder: json.JSONDecoder, text: str, begin: int = 0) -> tuple[object, int]:
        nonlocal parsed, attempts
        attempts += 1
        try:
            return decode(decoder, text, begin)
        except json.JSONDecodeError as error:
            parsed += error.pos  # which json looks through for ends of lines
            raise

    monkeypatch.setattr(json.JSONDecoder, "raw_decode", counted)
    file = tmp_path / "conversations.json"
    file.write_text(f"[{json.dumps(conversation('first', ['1']))},{hostile}")
    found = list(read([file]))
    assert sum(isinstance(one, ImportedConversation) for one in found) == 1
    assert isinstance(found[-1], Problem)
    assert "is not read further: too much of it is broken" in found[-1].problem
    assert attempts < 110_000
    assert parsed < 2e9, "some 16,000 characters an attempt"


async def test_a_broken_line_costs_itself_alone(importing: Import, history: History, tmp_path: Path) -> None:
    lines = (FIXTURES / "messages.jsonl").read_text().splitlines()
    file = tmp_path / "messages.jsonl"
    file.write_text("\n".join([lines[0], '{"messages": [', lines[1]]))
    reports = await importing(file)
    assert outcomes(reports) == ["created", "created"]
    (problem,) = [report for report in reports if isinstance(report, Problem)]
    assert problem.where == f"{file}, line 2"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
async def test_other_encodings_are_read(
    importing: Import, history: History, tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps([conversation("a", ["Grüße 🚆"])], ensure_ascii=False), encoding=encoding)
    (report,) = conversations(await importing(file))
    assert (await messages(history, report.conversation_id))[0].text == "Grüße 🚆"


async def test_bytes_that_are_not_utf8_are_shown_and_told(
    importing: Import, history: History, tmp_path: Path
) -> None:
    file = tmp_path / "conversations.json"
    raw = json.dumps([conversation("a", ["Grüße"]), conversation("b", ["fine"])], ensure_ascii=False)
    file.write_bytes(raw.encode("latin-1"))
    bad, fine = conversations(await importing(file))
    assert (await messages(history, bad.conversation_id))[0].text == "Gr\ufffd\ufffde"
    assert bad.notes.converted == {"bytes that are not UTF-8, shown as U+FFFD": 1}
    assert fine.notes.converted == {}


async def test_nul_and_lone_surrogates_come_back_exactly(
    importing: Import, history: History, tmp_path: Path
) -> None:
    file = write(tmp_path / "1.json", conversation("a\ud800", ["\x00 and \ud800"], title="T\x00\ud800"))
    (report,) = conversations(await importing(file))
    (stored,) = await messages(history, report.conversation_id)
    assert stored.parts == [{"type": "text", "text": "\x00 and \ud800"}]
    assert (await history.get(report.conversation_id)).title == "T\ufffd\ufffd"


async def test_a_circle_of_messages_is_cut(importing: Import, history: History, tmp_path: Path) -> None:
    found = conversation("a", ["1", "2", "3"])
    found["mapping"]["a-0"]["parent"] = "a-2"
    (report,) = conversations(await importing(write(tmp_path / "1.json", found)))
    assert report.messages == 3
    assert any("circle" in note for note in report.notes.converted)


async def test_ten_thousand_messages_in_a_row_are_no_recursion(
    importing: Import, history: History, tmp_path: Path
) -> None:
    (report,) = conversations(
        await importing(write(tmp_path / "1.json", conversation("a", ["x"] * 10_000))),
    )
    assert report.added == 10_000


async def test_a_message_that_is_too_large_is_named_and_its_answer_stays(
    importing: Import, history: History, tmp_path: Path
) -> None:
    file = write(tmp_path / "1.json", conversation("a", ["1", "x" * 10_000_001, "3"]))
    (report,) = conversations(await importing(file))
    assert report.notes.problems == [
        "message a-1: content: is 10000001 bytes; the limit is 10000000. Split it or store a link"
    ]
    assert [(m.text, m.parent_seq) for m in await messages(history, report.conversation_id)] == [
        ("1", 0),
        ("3", 1),
    ]


async def test_metadata_that_is_too_large_leaves_the_words(
    importing: Import, history: History, tmp_path: Path
) -> None:
    found = conversation("a", ["1", "2"])
    found["mapping"]["a-1"]["message"]["metadata"]["citations"] = ["x" * 1000] * 100
    (report,) = conversations(await importing(write(tmp_path / "1.json", found)))
    assert (await messages(history, report.conversation_id))[1].metadata == {"model": "gpt-5"}
    assert any(note.startswith("metadata of a message") for note in report.notes.left_out)


async def test_an_unknown_file_says_what_was_looked_for(importing: Import, tmp_path: Path) -> None:
    for name, content in (("a.json", '[{"colour": "red"}]'), ("b.json", "hello"), ("c.json", '{"a": 1}')):
        (tmp_path / name).write_text(content)
        (report,) = await importing(tmp_path / name)
        assert isinstance(report, Problem)
        assert "Looked for: Recollect's own export, ChatGPT's conversations.json" in report.problem
    (report,) = await importing(tmp_path / "missing.json")
    assert str(report).endswith("there is no such file or folder")


async def test_a_list_of_other_things_is_told_once(importing: Import, tmp_path: Path) -> None:
    (tmp_path / "words.json").write_text(json.dumps(["a"] * 50))
    (skipped,) = await importing(tmp_path)
    assert isinstance(skipped, Skipped)
    assert "words.json: is of no known format" in str(skipped)
    (alone,) = await importing(tmp_path / "words.json")
    assert isinstance(alone, Problem)
    assert "is of no known format" in alone.problem


async def test_a_zip_of_several_files_is_read_whole(importing: Import, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for number in range(3):
            part = json.dumps([conversation(f"c{number}{n}", ["1", "2"]) for n in range(5)])
            archive.writestr(f"conversations-{number:03}.json", part)
        archive.writestr("user.json", '{"id": "user-1"}')
        archive.writestr("chat.html", "<html>")
        archive.writestr("something_new.json", '{"a": 1}')
    reports = await importing(tmp_path / "export.zip")
    assert outcomes(reports) == ["created"] * 15
    skipped = " ".join(str(report) for report in reports if isinstance(report, Skipped))
    assert "user.json: holds no conversations" in skipped
    assert "something_new.json: is of no known format" in skipped
    assert "files that are not JSON: 1" in skipped


async def test_a_broken_shard_costs_itself_alone_and_a_conversation_in_two_is_one(
    importing: Import, tmp_path: Path
) -> None:
    shards = [
        json.dumps([conversation("a", ["1", "2"]), conversation("b", ["1"])]),
        json.dumps([conversation("c", ["1"]), conversation("d", ["1"])])[:-30],
        json.dumps([conversation("a", ["1", "2", "3"]), conversation("e", ["1"])]),
    ]
    for number, shard in enumerate(shards):
        (tmp_path / f"conversations-{number:03}.json").write_text(shard)
    reports = await importing(tmp_path)
    assert [(one.source_id, one.outcome, one.added) for one in conversations(reports)] == [
        ("a", "created", 2),
        ("b", "created", 1),
        ("c", "created", 1),
        ("a", "added", 1),
        ("e", "created", 1),
    ]
    (problem,) = [report for report in reports if isinstance(report, Problem)]
    assert "conversations-001.json" in problem.where


async def test_a_zip_bomb_is_not_unpacked(importing: Import, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations-000.json", "[" + " " * 60_000_000 + "]")
        archive.writestr("conversations-001.json", json.dumps([conversation("a", ["1"])]))
    reports = await importing(tmp_path / "bomb.zip")
    assert outcomes(reports) == ["created"]
    (problem,) = [report for report in reports if isinstance(report, Problem)]
    assert "like a zip bomb" in problem.problem


@pytest.mark.parametrize("many", [False, True], ids=["large names", "more than 65,535 files"])
async def test_a_list_of_files_that_would_fill_the_memory_is_not_read(
    importing: Import, tmp_path: Path, many: bool
) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(65_600 if many else 700):
            archive.writestr(f"{number:05}{'x' * (620 if many else 60_000)}.json", "")
    (problem,) = await importing(tmp_path / "many.zip")
    assert isinstance(problem, Problem)
    assert "lists its files in 4" in problem.problem


async def test_many_small_bombs_are_one(importing: Import, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bombs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", json.dumps([conversation("a", ["1"])]))
        for number in range(12):
            archive.writestr(f"b{number:02}.json", "[" + " " * 15_000_000 + "]")
    reports = await importing(tmp_path / "bombs.zip")
    assert outcomes(reports) == ["created"]
    (problem,) = [report for report in reports if isinstance(report, Problem)]
    assert "and what follows was not read" in problem.problem
    assert len([report for report in reports if isinstance(report, Skipped)]) < 6


async def test_a_member_that_lies_about_its_size_ends_where_it_said(
    importing: Import, tmp_path: Path
) -> None:
    content = json.dumps([conversation("a", ["1"])]) + " " * 1000
    with zipfile.ZipFile(tmp_path / "lie.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", content)
        archive.writestr("conversations-001.json", json.dumps([conversation("b", ["1"])]))
    raw = (tmp_path / "lie.zip").read_bytes()
    size = len(content).to_bytes(4, "little")
    assert raw.count(size) == 2
    (tmp_path / "lie.zip").write_bytes(
        raw.replace(size, (len(content) - 1500 if len(content) > 1500 else 10).to_bytes(4, "little"))
    )
    reports = await importing(tmp_path / "lie.zip")
    assert outcomes(reports)[-1:] == ["created"]
    assert any(isinstance(report, Problem) for report in reports)


async def test_names_that_lead_out_of_a_zip_are_told_and_written_nowhere(
    importing: Import, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "evil.zip", "w") as archive:
        archive.writestr("../conversations.json", json.dumps([conversation("a", ["1"])]))
        archive.writestr("/etc/conversations.json", json.dumps([conversation("b", ["1"])]))
        archive.writestr("conversations.json", json.dumps([conversation("c", ["1"])]))
    reports = await importing(tmp_path / "in" / "evil.zip")
    assert outcomes(reports) == ["created"]
    assert [report.problem for report in reports if isinstance(report, Problem)] == [
        "was not read: its name leads out of the archive"
    ] * 2
    assert not {"conversations.json"} & {name for _, _, names in os.walk(tmp_path) for name in names}


async def test_a_damaged_zip_is_told(importing: Import, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "conversations.json", json.dumps([conversation(f"{n}", texts(9)) for n in range(50)])
        )
    raw = bytearray((tmp_path / "bad.zip").read_bytes())
    raw[len(raw) // 3 : len(raw) // 3 + 40] = b"\xff" * 40
    (tmp_path / "bad.zip").write_bytes(raw)
    reports = await importing(tmp_path / "bad.zip")
    assert any(isinstance(report, Problem) for report in reports)


async def test_loops_of_links_in_a_folder_are_not_followed(importing: Import, tmp_path: Path) -> None:
    write(tmp_path / "conversations.json", conversation("a", ["1"]))
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert outcomes(await importing(tmp_path)) == ["created"]


async def test_siblings_keep_their_order(importing: Import, history: History, tmp_path: Path) -> None:
    found = conversation("a", ["1"])
    for name in ("z", "y", "x"):
        found["mapping"][name] = node(name, "a-0", f"answer {name}", 1)
    found["mapping"]["a-0"]["children"] = ["x", "y", "z"]
    (report,) = conversations(await importing(write(tmp_path / "1.json", found)))
    assert [m.text for m in await messages(history, report.conversation_id)][1:] == [
        "answer x",
        "answer y",
        "answer z",
    ]
