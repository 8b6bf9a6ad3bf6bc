"""The second lock by itself: what the roles of the application reach in the tables without any filter.

`problems` is what the tests of a sound schema and of broken ones share.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from tests.isolation.people import rows_of, tables

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection  # generic in its type stubs only

PLANTED = {
    "conversation": {"id": "planted"},
    "message": {"seq": 999, "key": None, "fingerprint": None},
    "summary": {"upto_seq": 999},
    "access_token": {"hash": "\\x" + "99" * 32},
    "embedding": {"seq": 999},
}
"""What makes a copy of a row a new row; a new table needs a line here."""

READ_BY_SEARCH = {"conversation", "message"}
CHANGED_IN_PLACE = {"conversation"}
LOCKED_IN_PLACE = {"conversation", "access_token"}  # of a token, one column may be changed


async def settle(connection: Connection) -> None:
    """Give alice and bob a row in every table; both use the same ids."""
    for user in ("alice", "bob"):
        await connection.execute(
            "INSERT INTO recollect.conversation (user_id, id, title) VALUES ($1, 'talk', $1)", user
        )
        await connection.execute(
            """INSERT INTO recollect.message
            (user_id, conversation_id, seq, parent_seq, token_count, role, text, key, fingerprint)
            VALUES ($1, 'talk', 1, 0, 1, 'user', $1, 'key', '\\x00')""",
            user,
        )
        await connection.execute(
            """INSERT INTO recollect.summary (user_id, conversation_id, upto_seq, token_count, content)
            VALUES ($1, 'talk', 1, 1, $1)""",
            user,
        )
        await connection.execute(
            """INSERT INTO recollect.access_token (user_id, name, hash, scopes, expires_at)
            VALUES ($1, $1, sha256(convert_to($1, 'UTF8')), ARRAY['history:read'], now())""",
            user,
        )
        await connection.execute(
            """INSERT INTO recollect.embedding (user_id, conversation_id, seq, model, vector)
            VALUES ($1, 'talk', 1, 'model', '{1, 0}')""",
            user,
        )


@asynccontextmanager
async def undone(connection: Connection) -> AsyncGenerator[None]:
    """Whatever happens inside is rolled back, roles and settings too."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


@asynccontextmanager
async def acting(connection: Connection, role: str, user: str | None) -> AsyncGenerator[None]:
    """Be a role, and a user as the application says it."""
    async with undone(connection):
        await connection.execute(f"SET LOCAL ROLE {role}")
        if user is not None:
            await connection.execute("SELECT set_config('recollect.user_id', $1, true)", user)
        yield


async def rows(connection: Connection, statement: str, *args: object) -> int | str:
    """How many rows a statement reached, or the SQLSTATE of its refusal. Nothing of it stays."""
    async with undone(connection):
        try:
            tag = await connection.execute(statement, *args)
        except asyncpg.PostgresError as error:
            return str(error.sqlstate)
    count = tag.rpartition(" ")[2]
    return int(count) if count.isdecimal() else tag


DENIED = "42501"


async def problems(connection: Connection) -> list[str]:
    """What is wrong with the isolation of alice and bob, table by table; nothing, if all is well.

    connection:  a superuser's; everything happens in transactions that are rolled back.
    """
    found: list[str] = []
    for table in await tables(connection):
        async with undone(connection):
            found += [f"{table}: {problem}" for problem in await _of_table(connection, table)]
    return found


async def _of_table(connection: Connection, table: str) -> list[str]:
    alices = (await rows_of(connection, "alice"))[table]
    bobs = (await rows_of(connection, "bob"))[table]
    assert alices, f"{table}: alice needs a row here, or nothing is tested"
    assert len(alices) == len(bobs)
    found: list[str] = []

    def expect(what: str, got: object, *wanted: object) -> None:
        if got not in wanted:
            found.append(f"{what}: {got}, not {' or '.join(map(str, wanted))}")

    updates = f"UPDATE recollect.{table} SET user_id = user_id"
    deletes = f"DELETE FROM recollect.{table}"
    async with acting(connection, "recollect_app", "bob"):
        expect("rows bob sees", await _seen(connection, table), len(bobs))
        expect("rows of alice bob sees", await _seen(connection, table, "user_id = 'alice'"), 0)
        expect(
            "rows bob updates",
            await rows(connection, updates),
            len(bobs) if table in CHANGED_IN_PLACE else DENIED,
        )
        expect("rows bob deletes", await rows(connection, deletes), len(bobs))
        expect(
            "rows bob locks",
            await rows(connection, f"SELECT FROM recollect.{table} FOR UPDATE"),
            len(bobs) if table in LOCKED_IN_PLACE else DENIED,
        )
        expect("own rows bob adds", await _plant(connection, table, "bob"), 1)
        expect("rows bob adds for alice", await _plant(connection, table, "alice"), DENIED)
        expect(
            "rows bob gives away",
            await rows(connection, f"UPDATE recollect.{table} SET user_id = 'carol'"),
            DENIED,
        )
        expect("rows bob removes at once", await rows(connection, f"TRUNCATE recollect.{table}"), DENIED)
    for user in (None, ""):
        async with acting(connection, "recollect_app", user):
            expect("rows that nobody sees", await _seen(connection, table), 0)
            expect("rows that nobody deletes", await rows(connection, deletes), 0)
            expect("rows that nobody adds", await _plant(connection, table, "alice"), DENIED, 0)
    async with acting(connection, "recollect_search", "bob"):
        expected = len(alices) + len(bobs) if table in READ_BY_SEARCH else DENIED
        expect("rows that search reads", await _seen(connection, table), expected)
        expect("rows that search deletes", await rows(connection, deletes), DENIED)
        expect("rows that search updates", await rows(connection, updates), DENIED)
        expect("rows that search adds", await _plant(connection, table, "bob"), DENIED)
    async with undone(connection):
        # What an owner who cannot bypass row security, such as a provider's, would see.
        await connection.execute("CREATE ROLE plain_owner_for_a_moment")
        await connection.execute("GRANT USAGE, CREATE ON SCHEMA recollect TO plain_owner_for_a_moment")
        await connection.execute(f"ALTER TABLE recollect.{table} OWNER TO plain_owner_for_a_moment")
        async with acting(connection, "plain_owner_for_a_moment", "bob"):
            expect("rows that the owner sees", await _seen(connection, table), 0)
    return found


async def _seen(connection: Connection, table: str, condition: str = "true") -> int | str:
    return await rows(connection, f"SELECT * FROM recollect.{table} WHERE {condition}")


async def _plant(connection: Connection, table: str, user: str) -> int | str:
    """Add a copy of a row that one sees, under another key, as `user`'s."""
    return await rows(
        connection,
        f"""INSERT INTO recollect.{table}
        SELECT (jsonb_populate_record(t, $1::jsonb)).* FROM recollect.{table} AS t LIMIT 1""",
        json.dumps(PLANTED[table] | {"user_id": user}),
    )
