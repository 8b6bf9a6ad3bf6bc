"""The history of the schema, as Alembic revisions. See docs/migrations.md.

A released revision, and a released file of `recollect/db/sql` that one loads, never change.
"""

from __future__ import annotations

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
