"""A foreign key from conversations and access tokens to an application's own users table: whose
user is deleted, they are too. Nothing of the application's is changed.

Text keys are referred to by `user_id` itself. For uuid and integer keys each table gets one more
column, which PostgreSQL computes from `user_id`; only the canonical spelling counts, so
that one user has one `user_id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from recollect.db.schema import LOCK
from recollect.db.sql import load
from recollect.models.errors import InvalidArgument, NotReady

if TYPE_CHECKING:
    BareConnection = asyncpg.Connection[asyncpg.Record]  # generic in its type stubs only

LINKED = ("conversation", "access_token")
"""The tables that are linked; the others hang on a conversation."""

CONSTRAINTS = tuple(f"{table}_users_{kind}" for table in LINKED for kind in ("fkey", "check"))
"""What PostgreSQL names when something is created for a user who does not exist: the key, or, where
the users' key is a uuid or an integer and `user_id` is none, the check."""

ARGUMENT = "link_users"

_USERS_COLUMN = load("users_column")
_USERS_LINK = load("users_link")
_USERS_MISSING = load("users_missing")

_TEXT = ("text", "varchar")
_COMPUTED = {
    "uuid": "CASE WHEN user_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN user_id::uuid END",
    "int2": (
        "CASE WHEN user_id ~ '^(0|-?[1-9][0-9]{0,4})$' THEN "
        "CASE WHEN user_id::integer BETWEEN -32768 AND 32767 THEN user_id::smallint END END"
    ),
    "int4": (
        "CASE WHEN user_id ~ '^(0|-?[1-9][0-9]{0,9})$' THEN "
        "CASE WHEN user_id::bigint BETWEEN -2147483648 AND 2147483647 THEN user_id::integer END END"
    ),
    "int8": (
        "CASE WHEN user_id ~ '^(0|-?[1-9][0-9]{0,18})$' THEN "
        "CASE WHEN user_id::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 "
        "THEN user_id::bigint END END"
    ),
}


@dataclass(frozen=True, slots=True)
class UsersLink:
    """To which column conversations are linked. table: with its schema; both quoted where needed."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class _Users:
    link: UsersLink
    type: str
    role: str
    may_read: bool


async def linked_users(connection: BareConnection) -> UsersLink | None:
    """The users that conversations are linked to, if they are."""
    row = await connection.fetchrow(_USERS_LINK)
    return None if row is None else UsersLink(row["table"], row["column"])


async def link_users(connection: BareConnection, reference: str) -> tuple[UsersLink, bool]:
    """Link conversations and access tokens to an existing users table, in one transaction.

    connection:  of the role that owns the schema `recollect`.
    reference:   TABLE.COLUMN or SCHEMA.TABLE.COLUMN, as SQL writes names ("User".id). The
                 column is the primary key or unique, and text, varchar, uuid or an integer.

    Returns the link, and whether it is new. While it works, conversations cannot be used and
    writes to the users table wait: for 500,000 conversations 0.1 seconds with a text key, 2
    seconds with an integer, where the table is rewritten.

    Raises: InvalidArgument (the reference), NotReady (missing rights, an existing link to
    something else, conversations without a user). Then nothing was changed.
    """
    async with connection.transaction(isolation="read_committed"):
        users = await _find(connection, reference)
        for statement in LOCK:
            await connection.execute(statement)
        present = await linked_users(connection)
        if present is not None:
            if present != users.link:
                raise NotReady(
                    f"Conversations are linked to {present.table}.{present.column} already. Run "
                    "`recollect migrate --unlink-users` first."
                )
            return present, False
        try:
            async with connection.transaction():
                for table in LINKED:
                    for statement in _linking(table, users):
                        await connection.execute(statement)
        except (asyncpg.ForeignKeyViolationError, asyncpg.CheckViolationError) as error:
            if error.table_name == "access_token":
                raise NotReady(
                    f"There are access tokens whose user is not in {users.link.table}. Revoke them "
                    "(`recollect token list`, `recollect token revoke`), or create these users, and run it "
                    "again. Nothing was changed."
                ) from error
            raise NotReady(await _orphans(connection, users)) from error
        except asyncpg.InvalidTableDefinitionError as error:  # of Citus alone
            raise NotReady(
                f"{users.link.table} is on one node only, and conversations are distributed. Run SELECT "
                f"create_reference_table('{users.link.table}') and then this again. Nothing was changed."
            ) from error
        except asyncpg.LockNotAvailableError as error:
            raise NotReady(
                f"A long transaction on {users.link.table} or on conversations is under way. Try again later."
            ) from error
        return users.link, True


async def unlink_users(connection: BareConnection) -> bool:
    """Undo `link_users`; whether there was a link. Conversations stay."""
    async with connection.transaction(isolation="read_committed"):
        for statement in LOCK:
            await connection.execute(statement)
        if await linked_users(connection) is None:
            return False
        for table in LINKED:
            # The check and the index go with the column.
            await connection.execute(
                f"ALTER TABLE recollect.{table} "
                f"DROP CONSTRAINT IF EXISTS {table}_users_fkey, DROP COLUMN IF EXISTS linked_user_id"
            )
        return True


async def _find(connection: BareConnection, reference: str) -> _Users:
    try:
        names: list[str] = await connection.fetchval("SELECT parse_ident($1)", reference)
    except asyncpg.DataError as error:
        raise InvalidArgument(ARGUMENT, "must be TABLE.COLUMN or SCHEMA.TABLE.COLUMN") from error
    if len(names) not in (2, 3):
        raise InvalidArgument(ARGUMENT, "must be TABLE.COLUMN or SCHEMA.TABLE.COLUMN")
    *table, column = names
    quoted = ".".join('"' + name.replace('"', '""') + '"' for name in table)
    try:
        row = await connection.fetchrow(_USERS_COLUMN, quoted, column)
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotReady(
            f"The migrating role may not look into the schema of {reference}. Have its owner run "
            f"GRANT USAGE ON SCHEMA {table[0]} TO <that role>;"
        ) from error
    hint = "" if reference == reference.lower() else ' (names with capitals need quotes: \'"User"."id"\')'
    if row is None or not row["is_table"]:
        raise InvalidArgument(ARGUMENT, f"there is no table {quoted}{hint}")
    if row["column"] is None or row["type"] is None:
        raise InvalidArgument(ARGUMENT, f"{row['table']} has no column {column}{hint}")
    if row["schema"] == "recollect":
        raise InvalidArgument(ARGUMENT, "must name a table of your application")
    if row["type"] not in _TEXT and row["type"] not in _COMPUTED:
        raise InvalidArgument(
            ARGUMENT,
            f"{row['table']}.{row['column']} is of type {row['type']}; "
            "it has to be text, varchar, uuid or an integer",
        )
    if not row["is_unique"]:
        raise InvalidArgument(
            ARGUMENT, f"{row['table']}.{row['column']} has to be the primary key or UNIQUE by itself"
        )
    if not row["may_refer"]:
        raise NotReady(
            f"The role {row['role']} may not refer to {row['table']}. Have the owner of that table run "
            f"GRANT REFERENCES ({row['column']}), SELECT ({row['column']}) ON {row['table']} "
            f"TO {row['role']};"
        )
    return _Users(UsersLink(row["table"], row["column"]), row["type"], row["role"], row["may_read"])


def _linking(table: str, users: _Users) -> list[str]:
    link = users.link
    column = "user_id" if users.type in _TEXT else "linked_user_id"
    key = (
        f"ADD CONSTRAINT {table}_users_fkey FOREIGN KEY ({column}) "
        f"REFERENCES {link.table} ({link.column}) ON DELETE CASCADE"
    )
    # While row security is forced, an owner that cannot bypass it would check the rows that it can
    # see, which are none.
    unforced = f"ALTER TABLE recollect.{table} NO FORCE ROW LEVEL SECURITY"
    forced = f"ALTER TABLE recollect.{table} FORCE ROW LEVEL SECURITY"
    if users.type in _TEXT:
        return [unforced, f"ALTER TABLE recollect.{table} {key}", forced]
    return [
        unforced,
        f"ALTER TABLE recollect.{table} ADD linked_user_id {users.type} "
        f"GENERATED ALWAYS AS ({_COMPUTED[users.type]}) STORED, "
        f"ADD CONSTRAINT {table}_users_check CHECK (linked_user_id IS NOT NULL), {key}",
        # Without it, deleting a user would read the whole table.
        f"CREATE INDEX {table}_users_idx ON recollect.{table} (linked_user_id)",
        forced,
    ]


async def _orphans(connection: BareConnection, users: _Users) -> str:
    """Why the link cannot be made: how many conversations have no user, and whose they are."""
    link = users.link
    advice = "Create these users, or delete these conversations, and run it again. Nothing was changed."
    if not users.may_read:
        return f"There are conversations whose user_id is not in {link.table}. {advice}"
    await connection.execute("ALTER TABLE recollect.conversation NO FORCE ROW LEVEL SECURITY")
    row = await connection.fetchrow(_USERS_MISSING.format(table=link.table, column=link.column))
    if row is None or not row["users"]:  # row security of the users table hides rows from us
        return f"There are conversations whose user_id is not in {link.table}. {advice}"
    more = ", …" if row["users"] > 5 else ""
    return (
        f"{row['conversations']} conversations belong to {row['users']} user ids that are not in "
        f"{link.table}.{link.column}: {row['some']}{more}. {advice}"
    )
