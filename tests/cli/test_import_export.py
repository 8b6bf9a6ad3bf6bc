"""The command line around import and export, as a newcomer uses it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import asyncpg
import pytest
from anyio.from_thread import start_blocking_portal

from recollect.db.target import parse_url
from tests.cli.conftest import Ran
from tests.db.servers import wait_until
from tests.importing.chatgpt_files import conversation, write

Run = Callable[..., Ran]

FIXTURES = Path(__file__).parents[1] / "importing" / "fixtures"


@pytest.fixture
def ran(recollect: Run, database_url: str) -> Run:
    """`recollect` on a fresh database, as the user "local"."""

    def run(*arguments: str | Path) -> Ran:
        return recollect(*map(str, arguments), database_url=database_url)

    return run


def listed(ran: Run, *options: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran("list", "--json", *options).out.splitlines()]


def test_an_import_says_what_came_what_was_converted_and_what_was_left_out(ran: Run) -> None:
    done = ran("import", FIXTURES / "chatgpt")
    assert (done.code, done.err) == (0, "")
    assert "Fibonacci and a cat" in done.out
    assert "Imported 17 new messages; 17 messages in 2 conversations were read from chatgpt." in done.out
    assert "messages to a tool, kept as calls" in done.out
    assert "empty nodes" in done.out
    again = ran("import", FIXTURES / "chatgpt")
    assert "Imported 0 new messages" in again.out
    assert "unchanged" in again.out


def test_a_dry_run_imports_nothing(ran: Run) -> None:
    done = ran("import", FIXTURES, "--dry-run", "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert lines[-1]["summary"]["outcomes"] == {"created": 14}
    assert lines[-1]["summary"]["dry_run"] is True
    assert listed(ran) == []


def test_pieces_that_cannot_be_read_are_named_and_end_with_exit_code_3(ran: Run, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_text("[" + json.dumps(conversation("a", ["1"])) + ', {"mapping": }]')
    done = ran("import", file)
    assert done.code == 3
    assert done.err.startswith(f"could not be read: {file}, character ")
    assert "1 piece could not be imported, named above." in done.out
    assert len(listed(ran)) == 1


def test_an_import_that_is_interrupted_says_how_far_it_came(
    ran: Run, tmp_path: Path, database_url: str
) -> None:
    last, file = tmp_path / "last.json", tmp_path / "conversations.json"
    file.write_text(json.dumps([conversation(f"c{number}", ["1"]) for number in range(1_200)]))
    last.write_text(json.dumps([conversation("c1199", ["1"])]))
    assert ran("import", last).code == 0
    command = [sys.executable, "-m", "recollect", "import", str(file)]
    env = {**os.environ, "RECOLLECT_DATABASE_URL": database_url}
    with start_blocking_portal() as portal:
        holder = portal.call(lambda: asyncpg.connect(**parse_url(database_url).connect_args))
        # The import comes to a conversation that is held, and waits.
        portal.call(holder.execute, "BEGIN")
        held = "SELECT count(*) FROM (SELECT FROM recollect.conversation FOR UPDATE) AS held"
        assert portal.call(holder.fetchval, held) == 1
        with subprocess.Popen(command, env=env, stdout=PIPE, stderr=PIPE, text=True) as process:
            count = "SELECT count(*) FROM recollect.conversation"
            wait_until(lambda: portal.call(holder.fetchval, count) > 1)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)
        portal.call(holder.close)
    stored = len(listed(ran, "--all")) - 1
    assert (process.returncode, said[0]) == (130, "")
    assert said[1] == (
        f"Stopped: {stored:,} new messages in {stored:,} conversations are stored. "
        "The same import goes on from there.\n"
    )
    assert f"Imported {1_199 - stored:,} new messages" in ran("import", file).out


def test_what_was_left_out_is_listed_as_long_as_people_read_it(ran: Run, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.json").write_text('{"a": 1}')
    short, all_of_it = (
        ran("import", tmp_path, "--dry-run").out,
        ran("import", tmp_path, "-v", "--dry-run").out,
    )
    assert (short.count("no known format"), all_of_it.count("no known format")) == (20, 30)
    assert "      10  more like these; --verbose shows them\n" in short


def test_what_was_imported_is_found(ran: Run, tmp_path: Path) -> None:
    ran("import", FIXTURES / "claude")
    shown = ran("search", "how", "much", "euros", "--context", "1").out.splitlines()
    assert shown[0].startswith("Visa for Maria  ")
    assert "80 euros." in shown
    hits = [
        json.loads(line) for line in ran("search", "--json", "--role", "assistant", "euros").out.splitlines()
    ]
    assert [(hit["snippet"], hit["marks"], hit["neighbours"]) for hit in hits] == [
        ("80 euros.", [[3, 8]], [])
    ]
    assert "Nothing was found" in ran("search", "--until", "2001-01-01", "euros").out
    file = write(tmp_path / "1.json", conversation("a", [f"Which lighthouse is {n}?" for n in range(60)]))
    ran("import", file)
    assert len(ran("search", "--json", "--limit", "70", "lighthouse").out.splitlines()) == 60
    assert ran("search", "--limit", "55", "lighthouse").out.endswith("There are more: --limit shows them.\n")
    all_of_them = len(ran("search", "--json", "--limit", "70", "lighthouse").out.splitlines())
    for words in (
        ["lighthouse", "-lighthouse"],
        ["-lighthouse", "lighthouse"],
        ["lighthouse", "--", "-lighthouse"],
    ):
        assert "Nothing was found" in ran("search", "--limit", "70", *words).out, words
    without = ran("search", "lighthouse", "-berlin", '-"in may"', "--limit", "70", "--json").out
    assert len(without.splitlines()) == all_of_them
    for wrong in (["--limti", "5", "x"], ["-x", "y"]):
        assert ran("search", *wrong).code == 2
    refused = ran("search", "the")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("recollect: query: holds only words that are everywhere")


def test_a_list_and_a_conversation_are_shown_to_people_and_to_programs(ran: Run) -> None:
    ran("import", FIXTURES / "claude")
    table = ran("list").out.splitlines()
    assert table[0].split() == ["ID", "TITLE", "MESSAGES", "LAST", "ACTIVITY"]
    assert "Visa for Maria" in table[1]
    (found,) = listed(ran, "--title", "visa")
    shown = ran("show", str(found["id"])).out
    assert shown.startswith(f"Visa for Maria\n{found['id']}, 6 messages\n\n#1 user  2026-03-01 ")
    assert '→ web_search {\n  "query": "visa"\n}' in shown
    lines = ran("show", str(found["id"]), "--json", "--last", "2").out.splitlines()
    assert [json.loads(line).get("content") for line in lines[1:]] == ["How much?", "80 euros."]
    missing = ran("show", "c_none")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err.startswith("recollect: conversation_id: there is no conversation 'c_none'.")


def test_stored_text_cannot_steer_a_terminal(ran: Run, tmp_path: Path) -> None:
    steering = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r"
    ran("import", write(tmp_path / "a.json", conversation("a", [steering], title=steering)))
    (found,) = listed(ran)
    for output in (
        ran("list").out,
        ran("show", str(found["id"])).out,
        ran("import", tmp_path / "a.json").out,
    ):
        assert not set(output) & set("\x1b\x07\x9b\u202e\r")


def test_an_export_is_a_private_file_that_comes_back_equal(ran: Run, tmp_path: Path) -> None:
    ran("import", FIXTURES)
    done = ran("export", "--output", tmp_path / "all.jsonl")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"Wrote {tmp_path / 'all.jsonl'}, ")
    assert stat.S_IMODE((tmp_path / "all.jsonl").stat().st_mode) == 0o600
    assert ran("export").out == (tmp_path / "all.jsonl").read_text()
    assert ran("export", "--output", tmp_path / "all.jsonl").code == 2
    assert ran("erase", "--everything", "--yes").out == "Removed 14 conversations with 59 messages.\n"
    assert ran("import", tmp_path / "all.jsonl").code == 0
    assert ran("export").out == (tmp_path / "all.jsonl").read_text()
    assert ran("export", "--format", "zip", "--output", tmp_path / "all.zip").code == 0
    assert zipfile.ZipFile(tmp_path / "all.zip").testzip() is None
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []
    os.mkfifo(tmp_path / "pipe")  # or /dev/null, of which root would make a file
    assert ran("export", "--force", "--output", tmp_path / "pipe").code == 2
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / f"again.part{os.getpid()}").touch()  # a killed run's, whose process had the same id
    assert ran("export", "--output", tmp_path / "again").code == 0


def test_erasing_asks_first(ran: Run) -> None:
    ran("import", FIXTURES / "chatgpt")
    ids = [str(one["id"]) for one in listed(ran)] + [str(one["id"]) for one in listed(ran, "--archived")]
    refused = ran("erase", ids[0])
    assert refused.code == 1
    assert "There is no undo." in refused.err
    assert ran("erase", ids[0], "c_none", "--yes").code == 1
    assert ran("erase").code == 2
    assert len(listed(ran)) + len(listed(ran, "--archived")) == 2
    assert json.loads(ran("erase", *ids, "--yes", "--json").out)["conversations"] == 2


def test_pruning_removes_what_was_asked_for_and_nothing_else(ran: Run, tmp_path: Path) -> None:
    now = 2_000_000_000  # conversations of the future are not old
    ran(
        "import",
        write(
            tmp_path / "a.json",
            conversation("old", ["1"], update_time=1_600_000_000),
            conversation("pinned", ["1"], update_time=1_600_000_000, is_starred=True),
            conversation("new", ["1"], update_time=now),
        ),
    )
    assert ran("prune").code == 2
    assert ran("prune", "--older-than", "soon").code == 2
    assert ran("prune", "--older-than", "9999y").code == 2
    dry = ran("prune", "--older-than", "2y", "--dry-run")
    assert "Conversation old" in dry.out
    assert "Conversation pinned" not in dry.out
    assert ran("prune", "--older-than", "2y").code == 1
    assert ran("prune", "--older-than", "2y", "--trash-only", "--yes").out == "Nothing is that old.\n"
    assert len(listed(ran)) == 3
    # A program reads of what was removed, never of what might have been.
    refused = ran("prune", "--older-than", "2y", "--json")
    assert (refused.code, refused.out) == (1, "")
    assert json.loads(ran("prune", "--older-than", "2y", "--json", "--dry-run").out)["removed"] is False
    done = json.loads(ran("prune", "--older-than", "2y", "--json", "--yes").out)
    assert (done["title"], done["removed"]) == ("Conversation old", True)
    assert {one["title"] for one in listed(ran)} == {"Conversation pinned", "Conversation new"}


def test_pruning_says_how_much_it_removed(ran: Run, tmp_path: Path) -> None:
    ran("import", write(tmp_path / "a.json", conversation("old", ["1"], update_time=1_600_000_000)))
    assert "Removed 1 conversation with" in ran("prune", "--older-than", "2y", "--yes").out
