"""The application's own environment of Alembic, with the defaults that its template gives."""

from __future__ import annotations

from alembic import context

from tests.db.todo_app.models import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)

with context.begin_transaction():
    context.run_migrations()
