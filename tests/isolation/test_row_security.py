"""Row security holds by itself, and each piece of it is needed."""

from __future__ import annotations

from dataclasses import astuple

import asyncpg
import pytest

from recollect.db.inspect import check_ready
from recollect.db.schema import POLICIES, TABLES, Policy
from recollect.models.errors import NotReady
from tests.isolation.people import tables
from tests.isolation.rows import DENIED, Connection, acting, problems, rows, settle, undone


@pytest.fixture(scope="module")
async def settled(admin: Connection) -> Connection:
    """A superuser's connection to a database in which alice and bob have a row in every table."""
    await settle(admin)
    return admin


async def test_no_row_of_another_user_is_in_reach(settled: Connection) -> None:
    assert await problems(settled) == []


async def test_every_table_belongs_to_users(settled: Connection) -> None:
    assert await tables(settled) == sorted(TABLES)


def _broken(policy: Policy) -> dict[str, str]:
    where = f"{policy.name} ON recollect.{policy.table}"
    ways = {"dropped": f"DROP POLICY {where}"}
    if policy.check is None:
        return ways | {"for everybody": f"ALTER POLICY {where} TO PUBLIC"}
    return ways | {
        "shows all": f"ALTER POLICY {where} USING (true)",
        "lets all in": f"ALTER POLICY {where} WITH CHECK (true)",
        "for another role": f"ALTER POLICY {where} TO recollect_search",
        "with an open one beside it": f"CREATE POLICY open ON recollect.{policy.table} USING (true)",
    }


BROKEN_POLICIES = [
    pytest.param(policy.table, statement, id=f"{policy.table}.{policy.name} {way}")
    for policy in POLICIES
    for way, statement in _broken(policy).items()
]


async def test_the_policies_broken_below_are_all_that_there_are(settled: Connection) -> None:
    found = await settled.fetch(
        "SELECT tablename, policyname, cmd, roles[1] FROM pg_policies WHERE schemaname = 'recollect'"
    )
    assert {tuple(row) for row in found} == {astuple(policy)[:4] for policy in POLICIES}


@pytest.mark.parametrize(("table", "statement"), BROKEN_POLICIES)
async def test_each_policy_is_needed(settled: Connection, table: str, statement: str) -> None:
    async with undone(settled):
        await settled.execute(statement)
        found = await problems(settled)
    assert found
    assert all(problem.startswith(f"{table}: ") for problem in found)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("setting", ["NO FORCE", "DISABLE"])
async def test_row_security_must_be_on_and_forced_on_every_table(
    settled: Connection, table: str, setting: str
) -> None:
    async with undone(settled):
        await settled.execute(f"ALTER TABLE recollect.{table} {setting} ROW LEVEL SECURITY")
        found = await problems(settled)
        with pytest.raises(NotReady, match=f"not enforced on {table}"):
            await check_ready(settled)
    assert found
    assert all(problem.startswith(f"{table}: ") for problem in found)


@pytest.mark.parametrize("role", ["recollect_app", "recollect_search"])
@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS"])
async def test_a_store_does_not_open_where_the_application_s_roles_could_bypass_row_security(
    settled: Connection, role: str, power: str
) -> None:
    async with undone(settled):
        await settled.execute(f"ALTER ROLE {role} {power}")
        # The search role reads all users' rows anyway, so only more rights than that are noticed here.
        assert bool(await problems(settled)) is ((role, power) != ("recollect_search", "BYPASSRLS"))
        with pytest.raises(NotReady, match=f"{role} can bypass row security"):
            await check_ready(settled)


@pytest.mark.parametrize("role", ["recollect_app", "NONE"], ids=["the application", "a superuser"])
async def test_a_message_cannot_be_attached_to_another_user_s_conversation(
    settled: Connection, role: str
) -> None:
    """The foreign key holds the user, so not even one who bypasses row security can."""
    async with undone(settled):
        await settled.execute("INSERT INTO recollect.conversation (user_id, id) VALUES ('alice', 'hers')")
        async with acting(settled, role, "bob"):
            for table, columns, values in (
                ("message", "seq, parent_seq, token_count, role, text", "1, 0, 1, 'user', ''"),
                ("summary", "upto_seq, token_count, content", "1, 1, ''"),
            ):
                refused = await rows(
                    settled,
                    f"INSERT INTO recollect.{table} (user_id, conversation_id, {columns}) "
                    f"VALUES ('bob', 'hers', {values})",
                )
                assert refused == asyncpg.ForeignKeyViolationError.sqlstate


async def test_statistics_show_the_application_s_role_nothing(settled: Connection) -> None:
    """Most common values would be other users' words."""
    await settled.execute(f"ANALYZE {', '.join(f'recollect.{table}' for table in TABLES)}")
    async with acting(settled, "recollect_app", "bob"):
        assert await rows(settled, "SELECT FROM pg_stats WHERE schemaname = 'recollect'") == 0
        assert await rows(settled, "SELECT FROM pg_statistic") == DENIED
