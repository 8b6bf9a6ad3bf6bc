"""Alembic runs this for each command; `recollect.db.migrate` is what starts Alembic.

Attributes of the configuration:  connection (online: open, in a transaction that holds the lock
already), upgrading, leaving (the downgrade goes to base: nothing of ours stays).
"""

from __future__ import annotations

from alembic import context

from recollect.db.migrations import VERSION_TABLE, load, run
from recollect.db.schema import LOCK
from recollect.models.tables import SCHEMA

attributes = context.config.attributes

context.configure(
    connection=attributes.get("connection"),
    dialect_name="postgresql",
    version_table=VERSION_TABLE,
    version_table_schema=SCHEMA,
)

with context.begin_transaction():
    if context.is_offline_mode():
        for statement in LOCK:
            run(statement)
    if attributes["upgrading"]:
        # The schema must be there before Alembic makes its version table in it.
        run(load("prepare"))
    context.run_migrations()
    if attributes["leaving"]:
        run(load("leave"))
