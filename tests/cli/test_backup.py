"""`recollect backup` and `recollect restore`: the same rows in another database, or nothing."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from anyio.from_thread import start_blocking_portal

from recollect.db.migrate import HEAD, migrate
from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.cli.conftest import Ran
from tests.conftest import run_sql
from tests.db.servers import as_role, query

Run = Callable[..., Ran]

TEXTS = ["", "\\N", "\\.", "tab\tline\nreturn\r", "nul \0 and \ud800 alone", "\U0001f600" * 50]

ROWS = {
    "conversation": "SELECT * FROM recollect.conversation ORDER BY user_id, id",
    "message": "SELECT * FROM recollect.message ORDER BY user_id, conversation_id, seq",
    "summary": "SELECT * FROM recollect.summary ORDER BY user_id, conversation_id, upto_seq",
    "access_token": "SELECT * FROM recollect.access_token ORDER BY user_id, hash",
}


def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {table: [tuple(row) for row in query(url, statement)] for table, statement in ROWS.items()}


@pytest.fixture
def filled(database_url: str, recollect: Run) -> str:
    """A database with what is hard to keep: every kind of text, parts, branches, summaries, tokens."""

    async def fill() -> None:
        async with Recollect.open(Settings.model_validate({"database_url": database_url})) as store:
            for user in ("alice", "bob\\.\t\n'", "\N{SNOWMAN}"):
                history = store.for_user(user)
                id = (await history.create(title="a\tb\\N\n", metadata={"a": [1, None, "\\"]})).id
                await history.append(id, [NewMessage("user", text) for text in TEXTS], key="k")
                call: list[dict[str, Any]] = [
                    {"type": "tool_call", "id": "1", "name": "f", "arguments": {"x": 1.50}}
                ]
                await history.append(
                    id, NewMessage("assistant", call, occurred_at=datetime(1999, 1, 1, tzinfo=UTC))
                )
                await history.append(id, NewMessage("user", "x" * 100_000), after_seq=2)
                await history.save_summary(id, upto_seq=2, content="so far")
                trashed = await history.create(id=f"trashed {user}")
                await history.delete(trashed.id)

    asyncio.run(fill())
    run_sql(
        database_url,
        "INSERT INTO recollect.embedding SELECT seq, user_id, conversation_id, 'model', '{1}' "
        "FROM recollect.message",
    )
    assert recollect("token", "create", "laptop", "--user", "carol", database_url=database_url).code == 0
    return database_url


@pytest.fixture
def file(filled: str, recollect: Run, tmp_path: Path) -> Path:
    path = tmp_path / "all.backup"
    done = recollect("backup", str(path), database_url=filled)
    assert (done.code, done.err) == (0, "")
    return path


def test_a_backup_comes_back_in_another_database_row_for_row(
    file: Path, filled: str, empty_database_url: str, recollect: Run
) -> None:
    before = rows(filled)
    assert all(before.values())
    done = recollect("restore", str(file), database_url=empty_database_url)
    assert (done.code, done.err) == (0, "")
    assert rows(empty_database_url) == before
    assert query(empty_database_url, "SELECT FROM recollect.embedding") == []  # they are made again
    assert recollect("doctor", database_url=empty_database_url).code == 0
    again = file.with_name("again")
    assert recollect("backup", str(again), "--json", database_url=empty_database_url).code == 0
    assert hashes(again) == hashes(file)


def hashes(file: Path) -> dict[str, str]:
    manifest = json.loads(zipfile.ZipFile(file).read("manifest.json"))["manifest"]
    return {table["name"]: table["sha256"] for table in manifest["tables"]}


def test_restored_conversations_go_on(file: Path, empty_database_url: str, recollect: Run) -> None:
    recollect("restore", str(file), database_url=empty_database_url)

    async def go_on() -> None:
        settings = Settings.model_validate({"database_url": empty_database_url})
        async with Recollect.open(settings) as store:
            history = store.for_user("alice")
            id = (await history.list()).conversations[0].id
            again = await history.append(id, [NewMessage("user", text) for text in TEXTS], key="k")
            assert (again.first_seq, again.last_seq, again.replayed) == (1, 6, True)
            assert (await history.append(id, NewMessage("user", "on"))).first_seq == 9
            page = await history.list_messages(id, after=4, limit=1)
            assert page.messages[0].parts == [{"type": "text", "text": TEXTS[4]}]

    asyncio.run(go_on())


def test_a_migrated_database_without_rows_is_filled_too(
    file: Path, filled: str, database_url: str, empty_database_url: str, recollect: Run
) -> None:
    migrate(parse_url(empty_database_url))
    assert recollect("restore", str(file), database_url=empty_database_url).code == 0
    assert rows(empty_database_url) == rows(filled)


def test_a_database_that_holds_anything_is_refused(file: Path, filled: str, recollect: Run) -> None:
    before = rows(filled)
    done = recollect("restore", str(file), database_url=filled)
    assert done.code == 1
    assert "holds rows in recollect.conversation already" in done.err
    run_sql(filled, "DELETE FROM recollect.conversation")
    done = recollect("restore", str(file), database_url=filled)
    assert done.code == 1
    assert "holds rows in recollect.access_token already" in done.err
    assert rows(filled)["access_token"] == before["access_token"]
    assert rows(filled)["conversation"] == []


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_refused(
    part: float, file: Path, empty_database_url: str, recollect: Run
) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * part)])
    done = recollect("restore", str(file), database_url=empty_database_url)
    assert done.code == 1
    assert "not a whole backup" in done.err
    assert query(empty_database_url, "SELECT to_regnamespace('recollect')")[0][0] is None


def test_a_byte_changed_anywhere_is_refused_or_harmless(
    file: Path, filled: str, empty_database_url: str, recollect: Run
) -> None:
    """What the zip says of itself twice may be changed once without harm; rows never."""
    whole, chance = file.read_bytes(), random.Random(5)
    refused = 0
    for _ in range(30):
        place = chance.randrange(len(whole))
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        done = recollect("restore", str(file), database_url=empty_database_url)
        if done.code:
            refused += 1
            assert done.code == 1
            assert done.err.startswith("recollect: file:"), done.err
            assert query(empty_database_url, "SELECT to_regnamespace('recollect')")[0][0] is None
        else:
            assert rows(empty_database_url) == rows(filled)
            migrate(parse_url(empty_database_url), "base")
    assert refused > 15


def test_rows_that_were_changed_with_a_right_checksum_are_refused(
    file: Path, empty_database_url: str, recollect: Run, tmp_path: Path
) -> None:
    forged = tmp_path / "forged"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"alice", b"carol"))
    done = recollect("restore", str(forged), database_url=empty_database_url)
    assert done.code == 1
    assert "changed or damaged" in done.err


def test_a_newer_backup_is_refused_by_name(
    file: Path, empty_database_url: str, recollect: Run, tmp_path: Path
) -> None:
    for old, new, says in (
        (f'"revision": "{HEAD}"'.encode(), b'"revision": "9999"', "of revision 9999"),
        (b'"version": 1', b'"version": 2', "newer version of Recollect"),
    ):
        newer = tmp_path / "newer"
        with zipfile.ZipFile(file) as source, zipfile.ZipFile(newer, "w") as target:
            for name in source.namelist():
                said = source.read(name)
                if name == "manifest.json":
                    assert old in said
                    said = said.replace(old, new)
                target.writestr(name, said)
        done = recollect("restore", str(newer), database_url=empty_database_url)
        assert done.code == 1
        assert says in done.err


def test_a_backup_of_an_older_revision_is_brought_to_the_newest(
    empty_database_url: str, database_url: str, recollect: Run, tmp_path: Path
) -> None:
    migrate(parse_url(empty_database_url), "0001")
    run_sql(
        empty_database_url,
        "INSERT INTO recollect.conversation (user_id, id, last_seq, head_seq, message_count) "
        "VALUES ('alice', 'c', 2, 2, 2)",
        "INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text) "
        "SELECT 'alice', 'c', n, n - 1, 7, 'user', 'hello' FROM generate_series(1, 2) AS n",
    )
    file = tmp_path / "old"
    assert recollect("backup", str(file), database_url=empty_database_url).code == 0
    assert recollect("restore", str(file), database_url=database_url).code == 0
    counted = query(database_url, "SELECT path_tokens FROM recollect.message ORDER BY seq")
    assert [row[0] for row in counted] == [7, 14]
    assert recollect("doctor", database_url=database_url).code == 0


def test_an_older_backup_that_is_refused_leaves_the_schema_as_it_was(
    empty_database_url: str, database_url: str, recollect: Run, tmp_path: Path
) -> None:
    migrate(parse_url(empty_database_url), "0002")
    run_sql(empty_database_url, "INSERT INTO recollect.conversation (user_id, id) VALUES ('alice', 'c')")
    assert recollect("backup", str(tmp_path / "old"), database_url=empty_database_url).code == 0
    run_sql(database_url, "CREATE TABLE public.users (id text PRIMARY KEY)")
    assert recollect("migrate", "--link-users", "users.id", database_url=database_url).code == 0
    refused = recollect("restore", str(tmp_path / "old"), database_url=database_url)
    assert refused.code == 1
    assert "the linked users table lacks" in refused.err
    assert recollect("list", database_url=database_url).code == 0


@pytest.fixture
def plain_role(cluster: str) -> Generator[str]:
    name = f"plain_{os.getpid()}"
    run_sql(cluster, f"CREATE ROLE {name} LOGIN")
    yield name
    run_sql(cluster, f"DROP ROLE {name}")


def test_a_role_that_does_not_see_everything_is_told_what_it_lacks(
    filled: str, plain_role: str, recollect: Run, tmp_path: Path
) -> None:
    run_sql(
        filled,
        f"GRANT USAGE ON SCHEMA recollect TO {plain_role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA recollect TO {plain_role}",
    )
    try:
        done = recollect("backup", str(tmp_path / "some"), database_url=as_role(filled, plain_role))
    finally:
        run_sql(filled, f"DROP OWNED BY {plain_role}")
    assert done.code == 1
    assert f"ALTER ROLE {plain_role} BYPASSRLS" in done.err
    assert list(tmp_path.iterdir()) == []


def test_such_a_role_is_told_before_a_restore_makes_the_schema(
    file: Path, empty_database_url: str, plain_role: str, recollect: Run
) -> None:
    done = recollect("restore", str(file), database_url=as_role(empty_database_url, plain_role))
    assert done.code == 1
    assert f"ALTER ROLE {plain_role} BYPASSRLS" in done.err


def test_a_backup_is_of_one_moment_and_nobody_waits_for_it(
    filled: str, empty_database_url: str, recollect: Run, tmp_path: Path
) -> None:
    """While somebody appends and begins conversations, every backup fits together."""

    async def write(stop: asyncio.Event) -> int:
        settings = Settings.model_validate({"database_url": filled})
        async with Recollect.open(settings) as store:
            history, count = store.for_user("dora"), 0
            while not stop.is_set():
                await history.open_turn(NewMessage("user", "hello"), key=str(count))
                count += 1
            return count

    async def both() -> int:
        stop = asyncio.Event()
        writer = asyncio.create_task(write(stop))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "recollect", "backup", str(tmp_path / "moment"),
            env=os.environ | {"RECOLLECT_DATABASE_URL": filled},
        )  # fmt: skip
        assert await process.wait() == 0
        stop.set()
        return await writer

    written = asyncio.run(both())
    assert recollect("restore", str(tmp_path / "moment"), database_url=empty_database_url).code == 0
    counts = query(
        empty_database_url,
        "SELECT (SELECT count(*) FROM recollect.conversation WHERE user_id = 'dora'),"
        " (SELECT count(*) FROM recollect.message WHERE user_id = 'dora')",
    )[0]
    assert 0 < counts[0] == counts[1] < written


def test_the_file_is_its_owners_alone_and_is_not_replaced_by_accident(
    file: Path, filled: str, recollect: Run
) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = recollect("backup", str(file), database_url=filled)
    assert again.code == 2
    assert "--force replaces it" in again.err
    assert recollect("backup", str(file), "--force", database_url=filled).code == 0
    link = file.with_name("link")
    link.symlink_to(file)
    assert recollect("backup", str(link), "--force", database_url=filled).code == 0
    assert link.is_symlink()
    pipe = file.with_name("pipe")  # or /dev/null, of which root would make a file
    os.mkfifo(pipe)
    refused = recollect("backup", str(pipe), "--force", database_url=filled)
    assert (refused.code, pipe.is_fifo()) == (2, True)
    nowhere = recollect("backup", str(file.parent / "no" / "folder"), database_url=filled)
    assert nowhere.code == 2
    assert "cannot be written" in nowhere.err


def test_a_database_that_vanishes_leaves_no_file(recollect: Run, tmp_path: Path) -> None:
    done = recollect(
        "backup",
        str(tmp_path / "none"),
        database_url="postgresql://nobody@127.0.0.1:1/none",
        connect_timeout="0.2",
    )
    assert done.code == 1
    assert list(tmp_path.iterdir()) == []


def run_backup(file: Path, url: str, *around: str) -> subprocess.Popen[str]:
    """A backup as a process of its own. around: the command that runs it."""
    return subprocess.Popen(
        [*around, sys.executable, "-m", "recollect", "backup", str(file)],
        env=os.environ | {"RECOLLECT_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def large(filled: str) -> str:
    """A backup of it takes 5 MB."""
    run_sql(
        filled,
        "INSERT INTO recollect.conversation (user_id, id, instructions) SELECT 'eve', i::text, "
        "(SELECT string_agg(sha256((i * 1000 + j)::text::bytea)::text, '') FROM generate_series(1, 200) j) "
        "FROM generate_series(1, 700) AS i",
    )
    return filled


@pytest.mark.parametrize("kilobytes", [1, 500])
def test_a_disk_that_is_full_is_told_and_nothing_is_left(large: str, tmp_path: Path, kilobytes: int) -> None:
    around = ("bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "bash")
    with run_backup(tmp_path / "all", large, *around) as process:
        _, said = process.communicate()
    assert (process.returncode, said) == (1, "recollect: file: cannot be written: File too large\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_backup_that_is_ended_in_the_middle_leaves_nothing(
    large: str, tmp_path: Path, number: signal.Signals
) -> None:
    with start_blocking_portal() as portal:
        holder = portal.call(lambda: asyncpg.connect(**parse_url(large).connect_args))
        # The last table, so that there is a middle however fast this machine is.
        portal.call(holder.execute, "BEGIN; LOCK TABLE recollect.access_token IN ACCESS EXCLUSIVE MODE")
        with run_backup(tmp_path / "all", large) as process:
            while not any(part.stat().st_size for part in tmp_path.iterdir()):
                assert process.poll() is None
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        portal.call(holder.close)
    assert (process.returncode, said) == (128 + number, "")
    assert [*tmp_path.iterdir()] == []


def test_what_a_killed_backup_left_is_in_nobody_s_way(filled: str, recollect: Run, tmp_path: Path) -> None:
    """In a container each run has the same process id."""
    (tmp_path / f"all.part{os.getpid()}").touch()
    assert recollect("backup", str(tmp_path / "all"), database_url=filled).code == 0


def test_users_that_a_linked_table_lacks_are_refused(
    file: Path, empty_database_url: str, recollect: Run
) -> None:
    migrate(parse_url(empty_database_url))
    run_sql(empty_database_url, "CREATE TABLE public.users (id text PRIMARY KEY)")
    assert recollect("migrate", "--link-users", "public.users.id", database_url=empty_database_url).code == 0
    done = recollect("restore", str(file), database_url=empty_database_url)
    assert done.code == 1
    assert "users whom the linked users table lacks" in done.err
    assert not any(rows(empty_database_url).values())
