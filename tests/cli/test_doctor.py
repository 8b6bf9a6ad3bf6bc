"""`recollect doctor` finds what is wrong with a database, and says what helps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator
from pathlib import Path

import asyncpg
import pytest
from anyio.from_thread import start_blocking_portal

from recollect.cli.clients import CLIENTS
from recollect.db.embedded import stop
from recollect.db.migrate import migrate
from recollect.db.schema import TABLES
from recollect.db.target import parse_url
from tests.cli.conftest import Ran
from tests.conftest import on_database, run_sql
from tests.db.servers import as_role, newest_server, query

Recollect = Callable[..., Ran]


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    """A server whose roles may be spoilt, with a migrated database that is only cloned."""
    with newest_server() as url:
        run_sql(url, "CREATE DATABASE migrated")
        migrate(parse_url(on_database(url, "migrated")))
        yield url


@pytest.fixture
def url(server: str) -> Generator[str]:
    """A migrated database with a conversation of Alice's, as a superuser; roles are made good afterwards."""
    run_sql(server, "CREATE DATABASE looked_at TEMPLATE migrated")
    url = on_database(server, "looked_at")
    run_sql(
        url,
        "INSERT INTO recollect.conversation (user_id, id) VALUES ('alice', 'c')",
        "INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text) "
        "VALUES ('alice', 'c', 1, 0, 1, 'user', 'secret')",
        "INSERT INTO recollect.summary (user_id, conversation_id, upto_seq, token_count, content) "
        "VALUES ('alice', 'c', 1, 1, 'secret')",
        "INSERT INTO recollect.access_token (user_id, name, hash, scopes, expires_at) "
        "VALUES ('alice', 'laptop', sha256('secret'), ARRAY['history:read'], now())",
        "INSERT INTO recollect.embedding (user_id, conversation_id, seq, model, vector) "
        "VALUES ('alice', 'c', 1, 'model', '{1}')",
    )
    yield url
    run_sql(
        server,
        "DROP DATABASE looked_at WITH (FORCE)",
        "DROP ROLE IF EXISTS web",
        "ALTER ROLE recollect_app NOSUPERUSER NOBYPASSRLS",
        "ALTER ROLE recollect_search NOSUPERUSER NOBYPASSRLS",
        "REVOKE pg_read_all_data FROM recollect_app",
    )


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of whoever runs the tests is looked at."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)


def checks(ran: Ran) -> dict[str, dict[str, str | None]]:
    return {check["name"]: check for check in json.loads(ran.out)["checks"]}


def test_what_is_named_like_a_setting_and_is_none_is_a_warning(
    recollect: Recollect, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('RECOLLECT_PORT = 1\nport = 8000\n[issuer]\nname = "x"\n', encoding="utf-8")
    ran = recollect("doctor", "--json", database_url=url, config=str(file), allowed_host="example.com")
    assert ran.code == 0
    said = checks(ran)["settings"]
    assert said["status"] == "warning"
    assert said["says"] == (
        f"RECOLLECT_ALLOWED_HOST, RECOLLECT_PORT in {file}, issuer in {file}: no such setting, "
        "and without effect"
    )
    assert "settings" not in checks(recollect("doctor", "--json", database_url=url))


def test_a_good_database_is_all_ok(recollect: Recollect, url: str) -> None:
    ran = recollect("doctor", database_url=url)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line[:4] for line in lines] == ["ok  "] * len(lines)
    assert "recollect is a superuser; made safe by SET ROLE recollect_app" in ran.out
    assert "what one user writes is invisible to another, and without a user" in ran.out
    assert "RECOLLECT_DATABASE_URL" in ran.out


def test_it_changes_nothing(recollect: Recollect, url: str) -> None:
    recollect("doctor", database_url=url)
    assert [row[0] for row in query(url, "SELECT user_id FROM recollect.conversation")] == ["alice"]


def test_json_says_the_same(recollect: Recollect, url: str) -> None:
    ran = recollect("doctor", "--json", database_url=url)
    assert json.loads(ran.out)["ok"] is True
    assert {check["status"] for check in checks(ran).values()} == {"ok"}


@pytest.mark.parametrize(
    ("spoil", "name", "says"),
    [
        (
            "UPDATE pg_database SET encoding = pg_char_to_encoding('LATIN1'), datlocprovider = 'c', "
            "datcollate = 'C', datctype = 'C' WHERE datname = 'looked_at'",
            "server",
            "the database's encoding is LATIN1",
        ),
        ("DROP SCHEMA recollect CASCADE", "schema", "there is none"),
        ("DELETE FROM recollect.schema_version", "schema", "no migration has run"),
        ("UPDATE recollect.schema_version SET version_num = '0000'", "schema", "revision 0000"),
        ("ALTER ROLE recollect_app SUPERUSER", "roles", "recollect_app can bypass row security"),
        ("ALTER ROLE recollect_search BYPASSRLS", "roles", "recollect_search can bypass row security"),
        (
            "ALTER TABLE recollect.message NO FORCE ROW LEVEL SECURITY",
            "row security",
            "not enforced on message",
        ),
        (
            "ALTER TABLE recollect.summary DISABLE ROW LEVEL SECURITY",
            "row security",
            "not enforced on summary",
        ),
        ("DROP POLICY own_rows ON recollect.message", "policies", "missing: own_rows on message"),
        ("DROP POLICY search_rows ON recollect.message", "policies", "missing: search_rows on message"),
        ("CREATE POLICY all_rows ON recollect.message USING (true)", "policies", "not Recollect's"),
        ("DROP FUNCTION recollect.window_v2", "functions", "missing: window_v2"),
        ("ALTER FUNCTION recollect.append_v2 OWNER TO recollect", "functions", "do not run as recollect_app"),
        ("REVOKE SELECT ON recollect.message FROM recollect_app", "isolation", "could not be tried"),
        *(
            (f"ALTER POLICY own_rows ON recollect.{table} USING (true)", "isolation", f"rows of {table}")
            for table in TABLES
        ),
        *(
            (
                f"ALTER POLICY own_rows ON recollect.{table} WITH CHECK (true)",
                "isolation",
                f"write another's {table}",
            )
            for table in TABLES
        ),
    ],
)
def test_what_is_wrong_is_found(recollect: Recollect, url: str, spoil: str, name: str, says: str) -> None:
    run_sql(url, spoil)
    ran = recollect("doctor", "--json", database_url=url)
    assert ran.code == 1
    found = checks(ran)[name]
    assert found["status"] == "failed"
    assert says in str(found["says"])
    assert found["fix"]
    assert "FAIL" in recollect("doctor", database_url=url).out


@pytest.mark.parametrize(("locked", "name"), [("message", "isolation"), ("schema_version", "database")])
def test_a_database_that_is_busy_is_told_and_not_taken_for_one_with_wrong_rights(
    recollect: Recollect, url: str, locked: str, name: str
) -> None:
    with start_blocking_portal() as portal:
        other = portal.call(lambda: asyncpg.connect(**parse_url(url).connect_args))
        portal.call(other.execute, f"BEGIN; LOCK TABLE recollect.{locked} IN ACCESS EXCLUSIVE MODE")
        ran = recollect("doctor", "--json", database_url=url, statement_timeout="1")
        portal.call(other.close)
    assert (ran.code, ran.err) == (1, "")
    found = checks(ran)[name]
    assert (found["status"], found["fix"]) == ("failed", None)
    assert "took longer than RECOLLECT_STATEMENT_TIMEOUT" in str(found["says"])


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        ("UPDATE recollect.schema_version SET version_num = '9999'", "schema"),
        ("GRANT pg_read_all_data TO recollect_app", "roles"),
        ("CREATE TABLE recollect.notes (body text)", "row security"),
    ],
)
def test_what_is_odd_is_a_warning(recollect: Recollect, url: str, spoil: str, name: str) -> None:
    run_sql(url, spoil)
    ran = recollect("doctor", "--json", database_url=url)
    assert ran.code == 0
    assert checks(ran)[name]["status"] == "warning"


def test_an_isolation_that_a_pooler_does_not_let_anybody_change_is_a_warning(
    recollect: Recollect, url: str
) -> None:
    run_sql(url, "ALTER DATABASE looked_at SET default_transaction_isolation = 'repeatable read'")
    assert checks(recollect("doctor", "--json", database_url=url))["server"]["status"] == "ok"
    found = checks(recollect("doctor", "--json", database_url=url, pooler="transaction"))["server"]
    assert found["status"] == "warning"
    assert "repeatable read" in str(found["says"])
    run_sql(
        url,
        "CREATE ROLE web LOGIN",
        "GRANT recollect_app TO web",
        str(found["fix"]).replace("recollect SET", "web SET"),
    )
    asked = checks(recollect("doctor", "--json", database_url=as_role(url, "web"), pooler="transaction"))
    assert asked["server"]["status"] == "ok"


def test_a_login_without_the_grant_is_told_which(recollect: Recollect, url: str) -> None:
    run_sql(url, "CREATE ROLE web LOGIN")
    ran = recollect("doctor", "--json", database_url=as_role(url, "web"))
    assert ran.code == 1
    fix = str(checks(ran)["schema"]["fix"])
    run_sql(url, fix.removeprefix("As the schema's owner: "))
    again = recollect("doctor", "--json", database_url=as_role(url, "web"))
    assert again.code == 0
    assert "web, which cannot bypass row security" in str(checks(again)["connection"]["says"])


def test_a_login_that_sees_everybody_s_text_is_a_warning(recollect: Recollect, url: str) -> None:
    run_sql(url, "CREATE ROLE web LOGIN", "GRANT recollect_app, recollect_search TO web")
    ran = recollect("doctor", "--json", database_url=as_role(url, "web"))
    found = checks(ran)["connection"]
    assert (ran.code, found["status"]) == (0, "warning")
    assert "by itself it sees the text of all users" in str(found["says"])
    run_sql(url, str(found["fix"]).removeprefix("As who granted it: "))
    again = checks(recollect("doctor", "--json", database_url=as_role(url, "web")))["connection"]
    assert again["status"] == "ok"


def test_linked_users_do_not_hinder_the_proof(recollect: Recollect, url: str) -> None:
    run_sql(
        url, "CREATE TABLE public.users (id text PRIMARY KEY)", "INSERT INTO public.users VALUES ('alice')"
    )
    assert recollect("migrate", "--link-users", "public.users.id", database_url=url).code == 0
    ran = recollect("doctor", "--json", database_url=url)
    assert ran.code == 0
    assert checks(ran)["users"]["says"] == "linked to public.users.id"
    assert "no row is visible" in str(checks(ran)["isolation"]["says"])


def test_a_database_that_cannot_be_reached_is_one_of_the_checks(recollect: Recollect) -> None:
    ran = recollect("doctor", database_url="postgresql://x:hidden@127.0.0.1:1/x", connect_timeout="0.1")
    assert ran.code == 1
    assert "nothing answers there" in ran.out
    assert "hidden" not in ran.out + ran.err


def test_the_embedded_database_needs_no_migration_by_hand(recollect: Recollect, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    try:
        ran = recollect("doctor", home=str(tmp_path / "home"))
        assert ran.code == 0, ran.out
        assert "will be made at the first use" in ran.out
    finally:
        stop(tmp_path / "home")


def test_chaos_kills_its_own_connections_and_finds_every_message_once(recollect: Recollect, url: str) -> None:
    with start_blocking_portal() as portal:
        bystander = portal.call(lambda: asyncpg.connect(**parse_url(url).connect_args))
        ran = recollect("doctor", "--chaos", "--seconds=2", "--json", database_url=url)
        assert portal.call(bystander.fetchval, "SELECT 1") == 1
        portal.call(bystander.close)
    chaos = checks(ran)["chaos"]
    assert (ran.code, chaos["status"]) == (0, "ok"), chaos
    stored, killed = map(int, re.findall(r"(\d+) (?:messages|connections)", str(chaos["says"])))
    assert stored > 0
    assert killed > 0
    assert [row[0] for row in query(url, "SELECT id FROM recollect.conversation")] == ["c"]
    assert [row[0] for row in query(url, "SELECT text FROM recollect.message")] == ["secret"]


def test_chaos_finds_a_database_that_loses_messages(recollect: Recollect, url: str) -> None:
    run_sql(
        url,
        """CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RETURN CASE WHEN NEW.seq % 7 = 0 THEN NULL ELSE NEW END; END'""",
        "CREATE TRIGGER lose BEFORE INSERT ON recollect.message FOR EACH ROW EXECUTE FUNCTION public.lose()",
    )
    ran = recollect("doctor", "--chaos", "--seconds=1", "--json", database_url=url)
    chaos = checks(ran)["chaos"]
    assert (ran.code, chaos["status"]) == (1, "failed"), chaos
    assert re.search(r"[1-9]\d* lost", str(chaos["says"])), ran.out


def test_seconds_without_chaos_are_refused_and_not_passed_over(recollect: Recollect, url: str) -> None:
    ran = recollect("doctor", "--seconds=2", database_url=url)
    assert ran.code == 2
    assert "give both" in ran.err


def test_chaos_is_not_tried_where_something_else_has_failed(recollect: Recollect, url: str) -> None:
    run_sql(url, "ALTER TABLE recollect.message DISABLE ROW LEVEL SECURITY")
    ran = recollect("doctor", "--chaos", "--json", database_url=url)
    assert ran.code == 1
    assert str(checks(ran)["chaos"]["says"]).startswith("not tried")


def test_clients_that_could_not_start_it_are_named(recollect: Recollect, url: str) -> None:
    assert "none has Recollect" in str(checks(recollect("doctor", "--json", database_url=url))["clients"])
    for client in ("cursor", "codex", "vscode"):
        assert recollect("install", client).code == 0
    cursor = CLIENTS["cursor"].path()
    cursor.write_text(re.sub(r'"command": "[^"]*"', '"command": "/gone/recollect"', cursor.read_text()))
    vscode = CLIENTS["vscode"].path()
    vscode.write_text("// mine\n" + vscode.read_text())
    ran = recollect("doctor", "--json", database_url=url)
    found = checks(ran)
    assert ran.code == 0
    assert found["codex"]["status"] == "ok"
    assert found["cursor"]["status"] == found["vscode"]["status"] == "warning"
    assert "/gone/recollect" in str(found["cursor"]["says"])
    assert found["cursor"]["fix"] == "recollect install cursor"
    assert "clients" not in found
