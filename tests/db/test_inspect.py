"""A database that would not work, or not keep users apart, is refused when a store opens."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
import pytest

from recollect.db.inspect import check_ready
from recollect.db.migrate import migrate
from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.models.errors import NotFound, NotReady
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.conftest import run_sql
from tests.db.conftest import new_database
from tests.db.servers import as_role, query


@pytest.fixture
def superuser(server: str) -> str:
    """A migrated database on a server whose roles may be spoilt, as a superuser."""
    url = new_database(server)
    migrate(parse_url(url))
    return url


def check(url: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            await check_ready(connection)
        finally:
            await connection.close()

    asyncio.run(run())


def test_a_migrated_database_is_ready(superuser: str) -> None:
    check(superuser)


def test_a_database_without_our_schema_is_refused(empty_database_url: str) -> None:
    with pytest.raises(NotReady, match="run `recollect migrate`"):
        check(empty_database_url)


async def test_a_store_on_a_database_without_our_schema_does_not_open(empty_database_url: str) -> None:
    with pytest.raises(NotReady, match="run `recollect migrate`"):
        async with Recollect.open(Settings.model_validate({"database_url": empty_database_url})):
            pass


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (
            "UPDATE recollect.schema_version SET version_num = '0000'",
            "at revision 0000, .*`recollect migrate`",
        ),
        ("DELETE FROM recollect.schema_version", "`recollect migrate`"),
        ("ALTER ROLE recollect_app BYPASSRLS", "ALTER ROLE recollect_app NOSUPERUSER NOBYPASSRLS;"),
        ("ALTER ROLE recollect_search SUPERUSER", "ALTER ROLE recollect_search NOSUPERUSER NOBYPASSRLS;"),
        ("ALTER TABLE recollect.message DISABLE ROW LEVEL SECURITY", "ALTER TABLE recollect.message ENABLE"),
        ("ALTER TABLE recollect.summary NO FORCE ROW LEVEL SECURITY", "not enforced on summary"),
        ("ALTER FUNCTION recollect.window_v2 OWNER TO CURRENT_USER", "window_v2 do not belong"),
        ("ALTER FUNCTION recollect.append_v2 SECURITY INVOKER", "append_v2 do not belong"),
        ("DROP FUNCTION recollect.window_v2", "lacks window_v2"),
        (
            "UPDATE pg_database SET encoding = pg_char_to_encoding('LATIN1'), datlocprovider = 'c', "
            "datcollate = 'C', datctype = 'C' WHERE datname = current_database()",
            "encoding of this database is LATIN1",
        ),
    ],
)
def test_a_spoilt_database_is_refused_with_what_helps(superuser: str, spoil: str, refusal: str) -> None:
    run_sql(superuser, spoil)
    with pytest.raises(NotReady, match=refusal):
        check(superuser)


def test_a_newer_schema_is_used_with_a_warning(superuser: str, caplog: pytest.LogCaptureFixture) -> None:
    run_sql(superuser, "UPDATE recollect.schema_version SET version_num = '9999'")
    with caplog.at_level(logging.WARNING):
        check(superuser)
    assert "newer (9999)" in caplog.text


def test_a_newer_schema_without_our_functions_is_refused(superuser: str) -> None:
    run_sql(
        superuser,
        "UPDATE recollect.schema_version SET version_num = '9999'",
        "DROP FUNCTION recollect.append_v2",
    )
    with pytest.raises(NotReady, match="Upgrade Recollect"):
        check(superuser)


@pytest.mark.parametrize("attributes", ["INHERIT", "NOINHERIT"])
def test_a_login_of_its_own_is_told_which_grant_it_needs(superuser: str, attributes: str) -> None:
    run_sql(superuser, f"CREATE ROLE web LOGIN {attributes}")
    with pytest.raises(NotReady, match="GRANT recollect_app TO"):
        check(as_role(superuser, "web"))
    old = query(superuser, "SHOW server_version_num")[0][0] < "160000"
    run_sql(superuser, "GRANT recollect_app TO web" + ("" if old else " WITH SET TRUE, INHERIT TRUE"))
    if old and attributes == "NOINHERIT":
        with pytest.raises(NotReady, match="`recollect doctor` shows more"):
            check(as_role(superuser, "web"))
        run_sql(superuser, "ALTER ROLE web INHERIT")
    check(as_role(superuser, "web"))
    asyncio.run(converse(as_role(superuser, "web")))


async def converse(url: str) -> None:
    async with Recollect.open(Settings.model_validate({"database_url": url})) as store:
        history = store.for_user("alice")
        conversation = await history.create()
        await history.append(conversation.id, [NewMessage("user", "hello")])
        window = await history.context(conversation.id, max_tokens=1000)
        assert "hello" in window.text
        with pytest.raises(NotFound):
            await store.for_user("bob").get(conversation.id)
