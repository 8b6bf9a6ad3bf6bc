"""What `recollect doctor` finds out about the replica that RECOLLECT_REPLICA_URL names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from recollect.db.examine import Check
from recollect.db.inspect import check_ready
from recollect.db.replica import told
from recollect.db.sql import load
from recollect.models.errors import RecollectError

if TYPE_CHECKING:
    BareConnection = asyncpg.Connection[asyncpg.Record]  # generic in its type stubs only

MOST_SECONDS = 60.0
"""How far behind a replica may be before that is worth a warning."""

_EXAMINE = load("examine_replica")


@dataclass(frozen=True, slots=True)
class Primary:
    """What a replica is compared with. identifier: of the server and the database; end: of its log.
    Each is None where the connection may not know it."""

    identifier: tuple[int, int] | None
    end: str | None


async def look_at_primary(connection: BareConnection) -> Primary:
    """The place of the primary's log now, and what it is."""
    try:
        end = await connection.fetchval("SELECT pg_current_wal_lsn()::text")
    except asyncpg.PostgresError:
        end = None
    return Primary(await _identifier(connection), end)


async def examine_replica(connection: BareConnection, primary: Primary) -> Check:
    """Whether this is a replica of the primary that can answer, and how far behind it is.

    What is wrong with it is a warning: until it is right the primary answers. Another database's
    replica is a failure: its answers would be wrong.
    """
    identifier = await _identifier(connection)
    found = await connection.fetchrow(_EXAMINE, primary.end)
    if found is None:
        raise RuntimeError("a query without FROM gave no row")
    version = f"PostgreSQL {found['version']}"
    other = None not in (identifier, primary.identifier) and identifier != primary.identifier
    if found["replica"] and other:
        says = f"{version}, a hot standby of another database than RECOLLECT_DATABASE_URL"
        return Check("replica", "failed", says, "Correct RECOLLECT_REPLICA_URL.")
    try:
        await check_ready(connection)
    except RecollectError as error:
        return Check("replica", "warning", f"{version}, not used: {told(error)}")
    if not found["replica"]:
        what = "another database that accepts writes" if other else "accepts writes, so it is the primary"
        fix = "Let RECOLLECT_REPLICA_URL name a hot standby, or unset it."
        return Check("replica", "warning", f"{version}, {what}", fix)
    behind = found["bytes"]
    if not behind:
        return Check("replica", "ok", f"{version}, a hot standby" + (", up to date" if behind == 0 else ""))
    seconds: float | None = found["seconds"]
    age = "" if seconds is None else f", its newest transaction {seconds:.0f} seconds old"
    says = f"{version}, a hot standby, {behind} bytes of log behind{age}"
    if seconds is not None and seconds > MOST_SECONDS:
        return Check("replica", "warning", says, "See pg_stat_replication on the primary.")
    return Check("replica", "ok", says)


async def _identifier(connection: BareConnection) -> tuple[int, int] | None:
    try:
        row = await connection.fetchrow(
            "SELECT s.system_identifier, d.oid::bigint FROM pg_control_system() AS s, pg_database AS d "
            "WHERE d.datname = current_database()"
        )
    except asyncpg.PostgresError:  # a provider may have closed it
        return None
    return None if row is None else (row[0], row[1])
