"""What `recollect doctor` finds out about a database: one check after the other, with what helps."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import asyncpg

from recollect.db import failures
from recollect.db.connector import ISOLATION
from recollect.db.failures import DRIVER_ERRORS
from recollect.db.inspect import ENCODING
from recollect.db.link import linked_users
from recollect.db.migrate import HEAD, current_revision
from recollect.db.schema import APP_ROLE, POLICIES, ROLES, SEARCH_ROLE, TABLES
from recollect.db.sql import FUNCTIONS, load
from recollect.models.errors import Unavailable

if TYPE_CHECKING:
    BareConnection = asyncpg.Connection[asyncpg.Record]  # generic in its type stubs only

OLDEST_VERSION = 150000
MOST_CLOCK_SECONDS = 5.0

Status = Literal["ok", "warning", "failed"]

_EXAMINE = load("examine")

_STOP = "Stop using this database until every check is ok."

# As another user than the one whose rows these are; each has to be refused.
_INTRUSIONS = {
    "conversation": "INSERT INTO recollect.conversation (user_id, id) VALUES ($1, 'intrusion')",
    "message": (
        "INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text) "
        "VALUES ($1, $1, 1, 0, 0, 'user', '')"
    ),
    "summary": (
        "INSERT INTO recollect.summary (user_id, conversation_id, upto_seq, token_count, content) "
        "VALUES ($1, $1, 1, 0, '')"
    ),
    "access_token": (
        "INSERT INTO recollect.access_token (user_id, name, hash, scopes, expires_at) "
        "VALUES ($1, 'intrusion', sha256(''), ARRAY['history:read'], now())"
    ),
    "embedding": (
        "INSERT INTO recollect.embedding (user_id, conversation_id, seq, model, vector) "
        "VALUES ($1, $1, 1, 'intrusion', '{}')"
    ),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. fix: the command or statement that helps, where one does."""

    name: str
    status: Status
    says: str
    fix: str | None = None


async def examine(connection: BareConnection) -> list[Check]:
    """Look at a database as the role of this connection. Stores nothing: what it writes to prove
    that users are kept apart is rolled back.

    Raises: Unavailable, NotReady (it broke off while it was looked at).
    """
    try:
        return await _examine(connection)
    except DRIVER_ERRORS as error:
        problem = failures.explain(error, closed=connection.is_closed(), undone=True)
        if problem is None:
            raise
        raise problem from error


async def _examine(connection: BareConnection) -> list[Check]:
    before = time.time()
    found = await connection.fetchrow(_EXAMINE)
    if found is None:
        raise RuntimeError("a query without FROM gave no row")
    clock = found["now"].timestamp() - (before + time.time()) / 2
    checks = [_server(found), _clock(clock)]
    revision = await _revision(connection, found)
    checks.append(revision)
    if not found["has_schema"] or not found["may_look"] or revision.status == "failed":
        return checks
    checks += [_roles(found), _row_security(found), _policies(found), _functions(found), _connection(found)]
    if found["may_act"]:
        checks.append(await _isolation(connection))
    link = await linked_users(connection)
    checks.append(
        Check(
            "users",
            "ok",
            f"linked to {link.table}.{link.column}" if link else "not linked to a table of users",
        )
    )
    return checks


def _server(found: asyncpg.Record) -> Check:
    version = f"PostgreSQL {found['version']}"
    if found["version_number"] < OLDEST_VERSION:
        return Check("server", "failed", version, "Recollect needs PostgreSQL 15 or newer.")
    if found["replica"]:
        fix = "Point RECOLLECT_DATABASE_URL to the primary, or add target_session_attrs=read-write to it."
        return Check("server", "failed", f"{version}, a replica that accepts no writes", fix)
    if found["encoding"] != ENCODING:
        says = f"{version}, and the database's encoding is {found['encoding']}"
        return Check("server", "failed", says, f"Use a database whose encoding is {ENCODING}.")
    if found["isolation"] != ISOLATION:  # through a pooler, where a session cannot ask for another
        says = f"{version}, whose transactions are {found['isolation']}: appends refuse each other"
        fix = f"ALTER ROLE {found['role']} SET default_transaction_isolation = '{ISOLATION}';"
        return Check("server", "warning", says, fix)
    return Check("server", "ok", version)


def _clock(seconds: float) -> Check:
    if abs(seconds) > MOST_CLOCK_SECONDS:
        where = "ahead of" if seconds > 0 else "behind"
        says = f"the server is {abs(seconds):.0f} seconds {where} this machine"
        return Check(
            "clock", "warning", says, "Let both keep their time with NTP: times in answers look odd."
        )
    return Check("clock", "ok", f"the server's differs by {abs(seconds):.1f} seconds")


async def _revision(connection: BareConnection, found: asyncpg.Record) -> Check:
    if not found["has_schema"]:
        return Check("schema", "failed", "there is none", "recollect migrate")
    if not found["may_look"]:
        return Check("schema", "failed", f"{found['role']} may not look into it", _grant(found))
    revision = await current_revision(connection)
    if revision is None:
        return Check("schema", "failed", "no migration has run", "recollect migrate")
    if revision < HEAD:
        return Check(
            "schema", "failed", f"revision {revision}; this version needs {HEAD}", "recollect migrate"
        )
    if revision > HEAD:
        return Check("schema", "warning", f"revision {revision} is newer than {HEAD}", "Upgrade Recollect.")
    return Check("schema", "ok", f"revision {revision}, the newest")


def _roles(found: asyncpg.Record) -> Check:
    missing = sorted(set(ROLES) - set(found["roles"]))
    if missing:
        return Check("roles", "failed", f"missing: {', '.join(missing)}", "recollect migrate")
    if found["unsafe_roles"]:
        fix = " ".join(f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;" for role in found["unsafe_roles"])
        return Check("roles", "failed", f"{', '.join(found['unsafe_roles'])} can bypass row security", fix)
    if found["memberships"]:
        says = f"{'; '.join(found['memberships'])}, and gets its rights"
        return Check("roles", "warning", says, "REVOKE that membership.")
    return Check("roles", "ok", f"{' and '.join(ROLES)}; neither can bypass row security")


def _row_security(found: asyncpg.Record) -> Check:
    unsafe = sorted(set(TABLES) - set(found["closed_tables"]))
    if unsafe:
        fix = " ".join(
            f"ALTER TABLE recollect.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
            for table in unsafe
        )
        return Check("row security", "failed", f"not enforced on {', '.join(unsafe)}", fix)
    foreign = sorted(set(found["tables"]) - set(TABLES) - {"schema_version"})
    if foreign:
        says = f"tables that are not Recollect's: {', '.join(foreign)}"
        return Check("row security", "warning", says, "Move them to another schema.")
    return Check("row security", "ok", f"enforced on {', '.join(TABLES)}, for the owner too")


def _policies(found: asyncpg.Record) -> Check:
    declared = {f"{p.name} on {p.table} for {p.command} to {p.role}" for p in POLICIES}
    missing = sorted(declared - set(found["policies"]))
    more = sorted(set(found["policies"]) - declared)
    if missing:
        fix = "Restore it, or on a database without data: recollect migrate --to base, then recollect migrate"
        return Check("policies", "failed", f"missing: {'; '.join(missing)}", fix)
    if more:
        says = f"not Recollect's, and may show rows to other users: {'; '.join(more)}"
        return Check("policies", "failed", says, "DROP POLICY … ON recollect.…;")
    return Check("policies", "ok", f"all {len(declared)} are there, and no other")


def _functions(found: asyncpg.Record) -> Check:
    missing = sorted(set(FUNCTIONS) - set(found["functions"]))
    if missing:
        fix = "recollect migrate, or upgrade Recollect if the schema is newer"
        return Check("functions", "failed", f"missing: {', '.join(missing)}", fix)
    if found["unsafe_functions"]:
        says = f"{', '.join(found['unsafe_functions'])} do not run as {APP_ROLE}"
        return Check("functions", "failed", says, f"ALTER FUNCTION … SECURITY DEFINER OWNER TO {APP_ROLE};")
    return Check("functions", "ok", f"{', '.join(FUNCTIONS)} run as {APP_ROLE}")


def _connection(found: asyncpg.Record) -> Check:
    role: str = found["role"]
    if not found["may_act"] or found["closed_functions"]:
        return Check("connection", "failed", f"{role} may not act as {APP_ROLE}", _grant(found))
    if found["sees_all"] and not (found["superuser"] or found["bypasses"]):
        says = f"{role} has the rights of {SEARCH_ROLE}: by itself it sees the text of all users"
        return Check("connection", "warning", says, _revoke(found))
    powers = [
        power
        for power, has in (
            ("is a superuser", found["superuser"]),
            ("has BYPASSRLS", found["bypasses"] and not found["superuser"]),
            ("owns the schema", found["owns"] and not found["superuser"]),
        )
        if has
    ]
    if powers:
        return Check(
            "connection",
            "ok",
            f"{role} {' and '.join(powers)}; made safe by SET ROLE {APP_ROLE} in each transaction",
        )
    return Check("connection", "ok", f"{role}, which cannot bypass row security, acts as {APP_ROLE}")


def _grant(found: asyncpg.Record) -> str:
    if found["version_number"] >= 160000:
        return f"As the schema's owner: GRANT {APP_ROLE} TO {found['role']} WITH SET TRUE, INHERIT TRUE;"
    if found["may_act"]:
        return f"As an administrator: ALTER ROLE {found['role']} INHERIT;"
    return f"As the schema's owner: GRANT {APP_ROLE} TO {found['role']};"


def _revoke(found: asyncpg.Record) -> str:
    if found["version_number"] >= 160000:
        return f"As who granted it: REVOKE INHERIT OPTION FOR {SEARCH_ROLE} FROM {found['role']};"
    return f"recollect migrate, or: REVOKE {SEARCH_ROLE} FROM {found['role']};"


async def _isolation(connection: BareConnection) -> Check:
    """Two users who cannot exist otherwise: the first writes; the other, and nobody, try to read it
    and to write more of it."""
    writer, reader = (f"doctor:{secrets.token_hex(8)}" for _ in range(2))
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"SET LOCAL ROLE {APP_ROLE}")
        written = await _write(connection, writer)
        for who, user in (("without a user", ""), ("as a user who has none", reader)):
            # A literal, as at run time: through Citus a parameter would not reach the workers.
            await connection.execute(f"SET LOCAL recollect.user_id = '{user}'")
            for table in TABLES:
                if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM recollect.{table})"):  # noqa: S608
                    return Check("isolation", "failed", f"rows of {table} can be seen {who}", _STOP)
                if not await _refused(connection, _INTRUSIONS[table], writer):
                    return Check("isolation", "failed", f"one user can write another's {table}", _STOP)
        if await connection.fetch(
            "SELECT FROM recollect.messages_v2($1, $2, 0, 9, 9, true, NULL)", reader, writer
        ):
            return Check("isolation", "failed", "a function shows another user's conversation", _STOP)
    except asyncpg.PostgresError as error:
        passing = failures.explain(error, closed=connection.is_closed(), undone=True)
        if isinstance(passing, Unavailable):  # a full disk, a lock: it says nothing of the rights
            return Check("isolation", "failed", f"could not be tried: {passing}")
        fix = f"The rights of {APP_ROLE} are not those that the migration gave; see docs/migrations.md."
        return Check("isolation", "failed", f"could not be tried: {error}", fix)
    finally:
        if not connection.is_closed():
            await transaction.rollback()
    if not written:
        return Check("isolation", "ok", "no row is visible without a user, or to a user who has none")
    return Check("isolation", "ok", "what one user writes is invisible to another, and without a user")


async def _refused(connection: BareConnection, intrusion: str, user: str) -> bool:
    """Whether row security refuses a row. A broken constraint would come later: that is no refusal."""
    try:
        async with connection.transaction():
            await connection.execute(intrusion, user)
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.IntegrityConstraintViolationError:
        return False
    return False


async def _write(connection: BareConnection, user: str) -> bool:
    """Whether a conversation could be written; not where conversations are linked to users."""
    await connection.execute(f"SET LOCAL recollect.user_id = '{user}'")
    try:
        async with connection.transaction():
            await connection.execute("INSERT INTO recollect.conversation (user_id, id) VALUES ($1, $1)", user)
    except asyncpg.IntegrityConstraintViolationError:
        return False
    return True
