"""`recollect migrate`, as a person and as a program uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from recollect.db.embedded import stop
from recollect.db.migrate import HEAD
from tests.cli.conftest import Ran
from tests.conftest import run_sql

Recollect = Callable[..., Ran]


def test_it_says_what_it_did(recollect: Recollect, empty_database_url: str) -> None:
    ran = recollect("migrate", database_url=empty_database_url)
    assert (ran.code, ran.err) == (0, "")
    database, role, schema = ran.out.splitlines()
    assert database.startswith("database  postgresql://recollect@")
    assert role == "role      recollect"
    assert schema == f"schema    created, revision {HEAD}"
    again = recollect("migrate", database_url=empty_database_url)
    assert again.out.splitlines()[2] == f"schema    {HEAD}, as before"


def test_it_prints_json_for_programs(recollect: Recollect, empty_database_url: str) -> None:
    ran = recollect("migrate", "--json", database_url=empty_database_url)
    report = json.loads(ran.out)
    assert report.pop("database").startswith("postgresql://recollect@")
    assert report == {"role": "recollect", "from": None, "to": HEAD, "next": None}


def test_it_migrates_with_the_owner_and_tells_what_the_other_login_needs(
    recollect: Recollect, empty_database_url: str
) -> None:
    def migrated(login: str) -> Ran:
        of_login = empty_database_url.replace("recollect@", f"{login}@", 1)
        return recollect("migrate", migration_url=empty_database_url, database_url=of_login)

    login = f"Web-{uuid4().hex}"
    needed = f'As recollect or an administrator:  GRANT recollect_app TO "{login}";'
    for ran in (migrated(login), migrated(login)):
        assert (ran.code, ran.out.splitlines()[-1]) == (0, needed)
    run_sql(empty_database_url, f'CREATE ROLE "{login}" LOGIN')
    assert needed in migrated(login).out
    run_sql(empty_database_url, f'GRANT recollect_app TO "{login}"')
    assert "GRANT" not in migrated(login).out
    run_sql(empty_database_url, f'DROP ROLE "{login}"')


def test_dropping_everything_takes_a_yes(recollect: Recollect, database_url: str) -> None:
    ran = recollect("migrate", "--to", "base", database_url=database_url)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("?\nNothing was done: there is nobody to ask. Give --yes to agree.\n")
    asking, answering = os.openpty()
    os.write(asking, b"\x04")  # Ctrl-D
    command = [sys.executable, "-m", "recollect", "migrate", "--to", "base"]
    env = {**os.environ, "RECOLLECT_DATABASE_URL": database_url}
    done = subprocess.run(command, env=env, stdin=answering, capture_output=True, text=True, timeout=60)
    os.close(asking)
    os.close(answering)
    assert (done.returncode, done.stderr) == (1, "")
    assert recollect("migrate", database_url=database_url).out.endswith(f"{HEAD}, as before\n")
    ran = recollect("migrate", "--to", "base", "--yes", database_url=database_url)
    assert f"dropped; it was at revision {HEAD}" in ran.out


def test_it_migrates_the_embedded_database(recollect: Recollect, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    ran = recollect("migrate", home=str(tmp_path / "home"))
    try:
        assert ran.code == 0, ran.err
        assert f"created, revision {HEAD}" in ran.out
    finally:
        stop(tmp_path / "home")


def test_the_script_goes_to_stdout_and_connects_to_nothing(recollect: Recollect) -> None:
    ran = recollect("migrate", "--sql", database_url="postgresql://nobody@127.0.0.1:1/nowhere")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("BEGIN;")
    assert ran.out.rstrip().endswith("COMMIT;")
    assert "CREATE TABLE recollect.conversation" in ran.out
    down = recollect("migrate", "--sql", "--to", "base")
    assert "DROP TABLE recollect.conversation" in down.out


def test_dropping_everything_is_asked_about(recollect: Recollect, database_url: str) -> None:
    ran = recollect("migrate", "--to", "base", database_url=database_url)
    assert ran.code == 1
    assert "Drop all conversations in postgresql://recollect@" in ran.err
    assert recollect("migrate", "--to", "base", "--yes", database_url=database_url).code == 0
    assert "created" in recollect("migrate", database_url=database_url).out


def test_going_back_to_an_earlier_revision_takes_a_yes(recollect: Recollect, database_url: str) -> None:
    ran = recollect("migrate", "--to", "0002", database_url=database_url)
    assert (ran.code, ran.out) == (1, "")
    assert f"Go back from revision {HEAD} to 0002 in postgresql://recollect@" in ran.err
    # Nothing is dropped where it is already, or on the way up.
    assert f"{HEAD}, as before" in recollect("migrate", "--to", HEAD, database_url=database_url).out
    ran = recollect("migrate", "--to", "0002", "--yes", database_url=database_url)
    assert (ran.code, "0002" in ran.out) == (0, True)
    assert recollect("migrate", "--to", "0004", database_url=database_url).code == 0


def test_users_are_linked_and_unlinked(recollect: Recollect, database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE public.users (id uuid PRIMARY KEY)")
    linked = recollect("migrate", "--link-users", "public.users.id", database_url=database_url)
    assert linked.out.splitlines()[-1] == (
        "users     linked to public.users.id: deleting a user deletes their conversations"
    )
    again = recollect("migrate", "--link-users", "public.users.id", database_url=database_url)
    assert again.out.splitlines()[-1] == "users     linked to public.users.id, as before"
    assert "no longer linked" in recollect("migrate", "--unlink-users", database_url=database_url).out
    assert "not linked, as before" in recollect("migrate", "--unlink-users", database_url=database_url).out


def test_what_cannot_be_done_is_one_line_that_says_what_to_do(
    recollect: Recollect, database_url: str
) -> None:
    ran = recollect("migrate", "--link-users", "people.id", database_url=database_url)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == 'recollect: link_users: there is no table "people"\n'
    unknown = recollect("migrate", "--to", "0815", database_url=database_url)
    revisions = f"base, 0001, 0002, 0003, 0004, 0005, {HEAD} and head"
    assert unknown.err == f"recollect: to: there is no such revision; there are {revisions}\n"
    # Such as of a variable that is not set.
    assert recollect("migrate", "--link-users", "", database_url=database_url).code == 1
    dropping = recollect(
        "migrate", "--to", "base", "--yes", "--link-users", "u.id", database_url=database_url
    )
    assert (dropping.code, "goes without --to base" in dropping.err) == (1, True)
    assert recollect("list", database_url=database_url).code == 0
    both = recollect("migrate", "--sql", "--link-users", "users.id")
    assert both.code == 1
