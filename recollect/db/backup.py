"""Backing up all of Recollect's rows into one file, and restoring them into an empty database.

With COPY on an ordinary connection, not with pg_dump (docs/decisions/backup-own-format.md).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import asyncpg

from recollect.db import failures
from recollect.db.backup_file import Digest, Manifest, Reader, TableCopy, Writer
from recollect.db.failures import DRIVER_ERRORS
from recollect.db.link import CONSTRAINTS
from recollect.db.migrate import current_revision
from recollect.db.schema import TABLES
from recollect.db.sql import load
from recollect.models.errors import AlreadyExists, NotReady

if TYPE_CHECKING:
    BareConnection = asyncpg.Connection[asyncpg.Record]  # generic in its type stubs only

_TABLES = load("backup_tables")

COPIED = tuple(table for table in TABLES if table != "embedding")
"""What is in a backup. Embeddings are made again from the messages, and take more room than these."""

LONGEST_COPY_SECONDS = 7 * 24 * 3600

AS_WRITTEN = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL search_path = pg_catalog, pg_temp",
    # How COPY writes values must not depend on whose connection it is.
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL bytea_output = 'hex'",
)

SEES_ALL = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


async def backup(connection: BareConnection, file: IO[bytes]) -> Manifest:
    """Write all rows, as they are at one moment, into a file. Nobody waits for it.

    connection:  of a role that sees all users' rows: a superuser, or one with BYPASSRLS.

    Raises: NotReady (no schema, or a role that does not see everything), InvalidArgument (the file cannot
    be written), Unavailable.
    """
    writer = Writer(file)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for statement in AS_WRITTEN:
                await connection.execute(statement)
            revision = await current_revision(connection)
            if revision is None:
                raise NotReady(failures.MIGRATE)
            await _check_role(connection)
            tables: list[TableCopy] = []
            for table in await connection.fetch(_TABLES, list(COPIED)):
                with writer.table(table["name"]) as write:
                    rows, digest = await _read(connection, table["query"], write)
                tables.append(TableCopy(table["name"], table["columns"], rows, digest.bytes, digest.sha256))
            server = await connection.fetchval("SELECT current_setting('server_version')")
        manifest = Manifest(revision, datetime.now(UTC).isoformat(timespec="seconds"), server, tables)
        writer.finish(manifest)
    except DRIVER_ERRORS as error:
        if writer.problem is not None:  # to break off a COPY may cost the connection
            raise writer.problem from error
        problem = failures.explain(error, closed=connection.is_closed(), undone=True)
        if problem is None:
            raise
        raise problem from error
    finally:
        writer.close()
    return manifest


async def restore(connection: BareConnection, reader: Reader) -> None:
    """Fill the empty tables of a schema that has the backup's revision: all of them or none.

    What landed is read again and compared with the backup's hashes before it is committed.

    Raises: AlreadyExists (the database holds conversations or tokens), NotReady (another revision,
    a role that may not, users whom a linked table lacks), Unavailable.
    """
    try:
        async with connection.transaction():
            for statement in AS_WRITTEN:
                await connection.execute(statement)
            await _check_role(connection)
            await _check_empty(connection)
            if await current_revision(connection) != reader.manifest.revision:
                raise NotReady("The schema was changed meanwhile by somebody else; nothing was restored.")
            for copy in reader.manifest.tables:
                await connection.copy_to_table(
                    copy.name,
                    schema_name="recollect",
                    columns=copy.columns,
                    source=reader.table(copy.name),
                    timeout=LONGEST_COPY_SECONDS,
                )
            await _compare(connection, reader.manifest)
        for table in await connection.fetch(_TABLES, list(COPIED)):
            await connection.execute(table["analyze"])
    except asyncpg.IntegrityConstraintViolationError as error:
        if failures.broken_constraint(error) in CONSTRAINTS:
            raise NotReady(
                "The backup holds conversations of users whom the linked users table lacks; nothing was "
                "restored. Restore that table first, or unlink it: recollect migrate --unlink-users"
            ) from error
        raise
    except DRIVER_ERRORS as error:
        problem = failures.explain(error, closed=connection.is_closed(), undone=True)
        if problem is None:
            raise
        raise problem from error


async def check_empty(connection: BareConnection) -> None:
    """Whether there is nothing that a restore would mix with; a database without our schema is fine.

    Raises: AlreadyExists, NotReady (a role that does not see everything).
    """
    try:
        async with connection.transaction():
            await _check_role(connection)
            if await current_revision(connection) is not None:
                await _check_empty(connection)
    except DRIVER_ERRORS as error:
        problem = failures.explain(error, closed=connection.is_closed(), undone=True)
        if problem is None:
            raise
        raise problem from error


async def _check_role(connection: BareConnection) -> None:
    if not await connection.fetchval(SEES_ALL):
        role = await connection.fetchval("SELECT quote_ident(current_user)")
        raise NotReady(
            f"The role {role} does not see all users' rows, as row security wants it. Have an administrator "
            f"run ALTER ROLE {role} BYPASSRLS, or name a role that has it in RECOLLECT_MIGRATION_URL."
        )


async def _check_empty(connection: BareConnection) -> None:
    """Nobody may write until the transaction ends."""
    for table in await connection.fetch(_TABLES, list(COPIED)):
        await connection.execute(table["lock"])
        if await connection.fetchval(table["any"]):
            raise AlreadyExists(
                f"The database holds rows in recollect.{table['name']} already: restore into an empty one. "
                "`recollect migrate --to base` drops everything that Recollect has there."
            )


async def _read(
    connection: BareConnection, query: str, write: Callable[[bytes], None] | None = None
) -> tuple[int, Digest]:
    """Read a query's rows as COPY writes them; how many there were, and their digest."""
    digest = Digest()

    async def take(data: bytes) -> None:
        digest.add(data)
        if write is not None:
            write(data)

    tag = await connection.copy_from_query(query, output=take, timeout=LONGEST_COPY_SECONDS)
    return int(tag.rpartition(" ")[2]), digest


async def _compare(connection: BareConnection, manifest: Manifest) -> None:
    present = {table["name"]: table for table in await connection.fetch(_TABLES, list(COPIED))}
    for copy in manifest.tables:
        table = present[copy.name]
        rows, digest = await _read(connection, table["query"])
        if table["columns"] != copy.columns or rows != copy.rows or digest.sha256 != copy.sha256:
            raise RuntimeError(f"what was restored into {copy.name} is not what the backup holds")
