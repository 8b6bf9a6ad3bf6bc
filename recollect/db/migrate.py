"""Bring a database's schema to a revision, or write down the SQL that would.

`HEAD` and `current_revision` cost nothing to import; Alembic and SQLAlchemy, about a second, are
loaded by the functions that need them.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from recollect.db import failures
from recollect.db.connector import Connector
from recollect.db.schema import APP_ROLE, LOCK
from recollect.db.target import Target
from recollect.models.errors import InvalidArgument, NotReady, RecollectError, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

HEAD = "0006"
"""The newest revision. A test proves that Alembic thinks so too."""

LONGEST_STATEMENT_SECONDS = 3600

DEADLOCK = "40P01"
MOST_ATTEMPTS = 5
"""Servers that go on while the schema changes take the same tables' locks in another order than a migration.
PostgreSQL then ends one of both; nothing of a migration that it ended is there, so it begins again."""

# Alembic keeps the migration that runs in a module's variables.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did. `before` and `after` are revisions; None is a database without ours.

    role:         the role that owns the schema, as whom the migration ran.
    distributed:  Citus has the tables, by user.
    """

    before: str | None
    after: str | None
    role: str
    distributed: bool = False


async def current_revision(connection: asyncpg.Connection[asyncpg.Record]) -> str | None:
    """The revision of the schema, None where there is none. One or two round trips."""
    if await connection.fetchval("SELECT to_regclass('recollect.schema_version') IS NULL"):
        return None
    return await connection.fetchval("SELECT version_num FROM recollect.schema_version")


async def may_serve(connection: asyncpg.Connection[asyncpg.Record], login: str) -> bool:
    """Whether there is a role of that name, which may be one that only a pooler knows, and it was granted
    what serving needs. One round trip."""
    member = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(oid, $2, 'MEMBER'))"
    return await connection.fetchval(member, login, APP_ROLE)


def migrate(target: Target, to: str = "head", *, connect_timeout: float = 15) -> Migrated:
    """Bring the schema to revision `to` in one transaction. Where it is there already, nothing changes.
    Where Citus is installed, tables and functions are distributed by user, as docs/scaling.md says.

    Blocks; call it from a thread where an event loop runs. Several processes may start it at
    once: one works, the others wait (at most two minutes) and find it done.

    target:           the direct connection of the owning role.
    to:               a revision, `head`, or `base`, which drops everything that Recollect made.
    connect_timeout:  seconds to keep trying to connect.

    Raises: NotReady (rights or a server that does not do; the text names the statements),
    Unavailable, InvalidArgument (no such revision).
    """
    with _one_at_a_time:
        return asyncio.run(_migrate(target, to, connect_timeout))


def goes_back(before: str | None, to: str) -> bool:
    """Whether a migration from revision `before` to `to` takes revisions back, with all that only they
    keep. Raises: InvalidArgument (no such revision)."""
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory.from_config(_config())
    if before is not None and before not in _revisions(directory):
        return False  # a newer version's: `migrate` says so
    return _place(directory, "to", to) < _place(directory, "to", before or "base")


def script(to: str = "head", since: str = "base") -> str:
    """The SQL of a migration from revision `since` to `to`, one transaction, for psql.

    Raises: InvalidArgument (no such revision).
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    out = StringIO()
    config = _config()
    config.output_buffer = out
    directory = ScriptDirectory.from_config(config)
    upgrading = _place(directory, "since", since) <= _place(directory, "to", to)
    _say(config, directory, to, upgrading=upgrading)
    with _one_at_a_time:
        (command.upgrade if upgrading else command.downgrade)(config, f"{since}:{to}", sql=True)
    return out.getvalue()


async def _migrate(target: Target, to: str, connect_timeout: float) -> Migrated:
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    connector = Connector(
        target,
        connect_timeout=connect_timeout,
        statement_timeout=LONGEST_STATEMENT_SECONDS,
        before_connect=None,
    )
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connector.open,
        poolclass=NullPool,
        isolation_level="READ COMMITTED",
    )
    try:
        attempts = MOST_ATTEMPTS
        while True:
            attempts -= 1
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(_run, to)
            except DBAPIError as error:
                if attempts and failures.sqlstate(_cause(error)) == DEADLOCK:
                    continue
                problem = _explain(error)
                if problem is None:
                    raise
                raise problem from error
    finally:
        await engine.dispose()


def _run(connection: Connection, to: str) -> Migrated:
    from alembic import command
    from alembic.script import ScriptDirectory

    for statement in LOCK:
        connection.exec_driver_sql(statement)
    before = _revision(connection)
    config = _config()
    config.attributes["connection"] = connection
    directory = ScriptDirectory.from_config(config)
    if before is not None and before not in _revisions(directory):
        raise NotReady(
            f"The database's schema is at revision {before}, which this version of Recollect does not know: "
            "a newer one migrated it. Upgrade Recollect."
        )
    upgrading = _place(directory, "to", before or "base") <= _place(directory, "to", to)
    role: str = connection.exec_driver_sql("SELECT current_user::text").scalar_one()
    if before is None and _place(directory, "to", to) == 0:
        return Migrated(None, None, role)
    _say(config, directory, to, upgrading=upgrading)
    (command.upgrade if upgrading else command.downgrade)(config, to)
    return Migrated(before, _revision(connection), role, upgrading and _distribute(connection))


def _distribute(connection: Connection) -> bool:
    """Distribute everything by user where Citus is installed, and whether it is."""
    from recollect.db.migrations import load  # which imports Alembic

    connection.exec_driver_sql(load("distribute"))
    return connection.exec_driver_sql(
        "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"
    ).scalar_one()


def _revision(connection: Connection) -> str | None:
    if connection.exec_driver_sql("SELECT to_regclass('recollect.schema_version') IS NULL").scalar_one():
        return None
    return connection.exec_driver_sql("SELECT version_num FROM recollect.schema_version").scalar()


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _say(config: Config, directory: ScriptDirectory, to: str, *, upgrading: bool) -> None:
    config.attributes["upgrading"] = upgrading
    config.attributes["leaving"] = not upgrading and _place(directory, "to", to) == 0


def _revisions(directory: ScriptDirectory) -> list[str]:
    """All revisions, oldest first."""
    return [script.revision for script in directory.walk_revisions()][::-1]


def _place(directory: ScriptDirectory, argument: str, name: str) -> int:
    """The place of a revision in the history; 0 is base, an empty database."""
    revisions = ["base", *_revisions(directory)]
    if name == "head":
        return len(revisions) - 1
    if name not in revisions:
        raise InvalidArgument(
            argument, f"there is no such revision; there are {', '.join(revisions)} and head"
        )
    return revisions.index(name)


def _cause(error: DBAPIError) -> BaseException:
    """What asyncpg raised. SQLAlchemy has a name for it from 2.1 on, and many applications hold to 2.0."""
    return (error.orig and error.orig.__cause__) or error


def _explain(error: DBAPIError) -> RecollectError | None:
    """What a person can do about it, by SQLSTATE."""
    cause = _cause(error)
    state = failures.sqlstate(cause)
    if state == "RC001":
        return NotReady(str(cause))
    if state == "55P03":
        return Unavailable(
            "Another migration, or a long transaction on Recollect's tables, is under way. Try again later."
        )
    if state in ("42P06", "42P07", "42723"):
        return NotReady(
            "The schema `recollect` holds tables or functions that no migration of Recollect made "
            f"({cause}). Rename that schema, or drop it if nobody needs it."
        )
    if state == "42501":
        return NotReady(
            f"The role of this connection may not do what the migration needs ({cause}). Migrate as the "
            "owner of the schema `recollect`: RECOLLECT_MIGRATION_URL."
        )
    return failures.explain(cause, closed=error.connection_invalidated, undone=True)
