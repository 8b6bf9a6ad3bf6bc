"""The history of the schema, as Alembic revisions. See docs/migrations.md.

A released revision, and a released file of `recollect/db/sql` that one loads, never change.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from alembic import context

VERSION_TABLE = "schema_version"


def load(name: str) -> str:
    """The text of `name`.sql in this folder."""
    return (resources.files(__name__) / f"{name}.sql").read_text(encoding="utf-8")


def run(statement: str) -> None:
    """Run one statement word for word, or write it down where Alembic produces a script.

    `op.execute` would take `:word` and `%` in a function's body for its own.
    """
    migration = context.get_context()
    if migration.as_sql:
        migration.impl.static_output(statement.strip().removesuffix(";") + ";")
    else:
        context.get_bind().exec_driver_sql(statement)


def make_functions(definitions: Sequence[str]) -> None:
    """Make functions as recollect_app itself: it owns them and stays without CREATE.

    Afterwards the migrating role is itself again, which RESET ROLE would not do for somebody
    who became the owner with SET ROLE.
    """
    run("DO $$ BEGIN PERFORM set_config('recollect.owner', current_user, true); END $$")
    run("SET LOCAL citus.enable_ddl_propagation = off")
    run("GRANT CREATE ON SCHEMA recollect TO recollect_app")
    run("SET LOCAL ROLE recollect_app")
    for definition in definitions:
        run(definition)
    run("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recollect FROM PUBLIC")
    run(_OWNER_MAY_EXECUTE)
    run("DO $$ BEGIN PERFORM set_config('role', current_setting('recollect.owner'), true); END $$")
    run("REVOKE CREATE ON SCHEMA recollect FROM recollect_app")
    run("SET LOCAL citus.enable_ddl_propagation = on")


def make_function(name: str, definition: str) -> None:
    """The same for one function, where there are others that do not belong to recollect_app."""
    _make_one("recollect_app", name, definition)


def make_search_function(name: str, definition: str) -> None:
    """Make a function as recollect_search, which may read the rows of all users. Only recollect_app's
    own functions, and the owner, may call it."""
    _make_one(
        "recollect_search", name, definition, f"GRANT EXECUTE ON FUNCTION recollect.{name} TO recollect_app"
    )


def _make_one(role: str, name: str, definition: str, *rights: str) -> None:
    run("DO $$ BEGIN PERFORM set_config('recollect.owner', current_user, true); END $$")
    run("SET LOCAL citus.enable_ddl_propagation = off")
    run(f"GRANT CREATE ON SCHEMA recollect TO {role}")
    run(f"SET LOCAL ROLE {role}")
    run(definition)
    run(f"REVOKE ALL ON FUNCTION recollect.{name} FROM PUBLIC")
    for right in rights:
        run(right)
    run(_OWNER_MAY_EXECUTE.replace("ALL FUNCTIONS IN SCHEMA recollect", f"FUNCTION recollect.{name}"))
    run("DO $$ BEGIN PERFORM set_config('role', current_setting('recollect.owner'), true); END $$")
    run(f"REVOKE CREATE ON SCHEMA recollect FROM {role}")
    run("SET LOCAL citus.enable_ddl_propagation = on")


_OWNER_MAY_EXECUTE = """
DO $$
BEGIN
    EXECUTE format(
        'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA recollect TO %I', current_setting('recollect.owner'));
END
$$
"""
