"""The extension pgvector, which compares embeddings. Without it search is by words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from recollect.db.schema import APP_ROLE

if TYPE_CHECKING:
    BareConnection = asyncpg.Connection[asyncpg.Record]  # generic in its type stubs only


@dataclass(frozen=True, slots=True)
class Pgvector:
    """What there is of it in a database. version: None where it is not there.

    fix:  what a person has to do before it can be used; None where it can.
    """

    version: str | None
    fix: str | None


async def look(connection: BareConnection) -> Pgvector:
    """Whether the application's role can use it."""
    row = await connection.fetchrow(
        """SELECT extversion, quote_ident(nspname) AS schema,
            has_schema_privilege(to_regrole($1)::oid, extnamespace, 'USAGE') AS usable
        FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace WHERE extname = 'vector'""",
        APP_ROLE,
    )
    if row is None:
        return Pgvector(None, "recollect migrate")
    grant = f"As its owner: GRANT USAGE ON SCHEMA {row['schema']} TO {APP_ROLE};"
    return Pgvector(row["extversion"], None if row["usable"] else grant)


async def make(connection: BareConnection) -> Pgvector:
    """Create it where it is not there yet and this connection's role may."""
    present = await look(connection)
    if present.version is not None:
        return present
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    except asyncpg.InsufficientPrivilegeError:
        return Pgvector(None, "As an administrator, in this database: CREATE EXTENSION vector;")
    except (asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError):
        return Pgvector(None, "Install pgvector on the database's server, then: recollect migrate")
    except asyncpg.PostgresError as error:  # such as a database without the schema public, or a race
        present = await look(connection)
        return present if present.version else Pgvector(None, f"CREATE EXTENSION vector; said: {error}")
    return await look(connection)
