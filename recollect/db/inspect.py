"""Is the database what this code needs? Looked at when a store opens, and by `recollect doctor`."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import asyncpg

from recollect.db import failures
from recollect.db.failures import DRIVER_ERRORS
from recollect.db.migrate import HEAD
from recollect.db.schema import APP_ROLE
from recollect.db.sql import FUNCTIONS, load
from recollect.models.errors import NotReady

log = logging.getLogger(__name__)

ENCODING = "UTF8"
"""Of the database. In another one not everything can be kept, or is cut in the middle of a character."""

_CHECK = load("check_ready")


class Queries(Protocol):
    """What answers a query: an asyncpg connection, or the transaction of `Database.system`."""

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None: ...


async def check_ready(connection: Queries) -> bool:
    """Refuse a database that would fail or, worse, would not keep users apart; else whether it is a
    Citus coordinator. One round trip.

    A schema that a newer version migrated is accepted, with a warning in the log, as long as it
    has the functions that this version calls.

    Raises: NotReady; its text names the command or the statement that helps.
    """
    try:
        row = await connection.fetchrow(_CHECK, list(FUNCTIONS))
    except DRIVER_ERRORS as error:  # `Database` has explained it already, a bare connection has not
        explained = failures.explain(error, closed=False, undone=True)
        if explained is None:
            raise
        raise explained from error
    if row is None or row["revision"] is None:
        raise NotReady(failures.MIGRATE)
    problem = _problem(row)
    if problem is not None:
        raise NotReady(problem)
    if row["revision"] > HEAD:
        log.warning(
            "The database's schema is newer (%s) than this version of Recollect (%s). It works; "
            "upgrade Recollect soon.",
            row["revision"],
            HEAD,
        )
    return row["distributed"]


def _problem(row: asyncpg.Record) -> str | None:
    if row["encoding"] != ENCODING:
        return (
            f"The encoding of this database is {row['encoding']}, and Recollect needs {ENCODING}: move what "
            "it holds to one that has it, with `recollect backup` and `recollect restore`."
        )
    if row["revision"] < HEAD:
        return (
            f"The database's schema is at revision {row['revision']}, and this version of Recollect needs "
            f"{HEAD}. Run `recollect migrate`."
        )
    if row["missing_functions"]:
        return (
            f"The database's schema (revision {row['revision']}) lacks {row['missing_functions']}, which "
            "this version of Recollect calls. "
            + (
                "Upgrade Recollect."
                if row["revision"] > HEAD
                else "Somebody removed it; see `recollect doctor`."
            )
        )
    if row["unsafe_roles"]:
        return (
            f"{row['unsafe_roles']} can bypass row security, so users would not be kept apart. Have an "
            "administrator run "
            + " ".join(
                f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;" for role in row["unsafe_roles"].split(", ")
            )
        )
    if row["open_tables"]:
        return f"Row security is not enforced on {row['open_tables']}. Have the owner run " + " ".join(
            f"ALTER TABLE recollect.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
            for table in row["open_tables"].split(", ")
        )
    if row["unsafe_functions"]:
        return (
            f"The functions {row['unsafe_functions']} do not belong to {APP_ROLE}, so row security would not "
            f"hold inside them. Have an administrator run, for each: ALTER FUNCTION … OWNER TO {APP_ROLE};"
        )
    if not row["may_act"] or row["closed_functions"]:
        options = "" if row["server"] < 160000 else " WITH SET TRUE, INHERIT TRUE"
        return (
            f"The role {row['role']} may not act as {APP_ROLE}. Have the schema's owner run "
            f"GRANT {APP_ROLE} TO {row['role']}{options};"
        )
    return None
