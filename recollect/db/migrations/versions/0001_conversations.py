"""Conversations, messages and summaries, each row visible to its user alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from recollect.db.migrations import make_functions, run
from recollect.db.sql import load

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "recollect"

FUNCTIONS = ("append_v1", "messages_v1", "window_v1")

RIGHTS = {
    "conversation": "SELECT, INSERT, UPDATE, DELETE",
    # A message is final, so is a summary: no UPDATE.
    "message": "SELECT, INSERT, DELETE",
    "summary": "SELECT, INSERT, DELETE",
}

# The sub-select makes it one comparison value per statement, not one call per row.
OWN = "user_id = (SELECT nullif(current_setting('recollect.user_id', true), ''))"


def upgrade() -> None:
    _create_tables()
    _secure_tables()
    make_functions([load(name) for name in FUNCTIONS])


def downgrade() -> None:
    for name in FUNCTIONS:
        run(f"DROP FUNCTION recollect.{name}")
    for table in ("summary", "message", "conversation"):
        op.drop_table(table, schema=SCHEMA)


def _create_tables() -> None:
    op.create_table(
        "conversation",
        _timestamp("created_at"),
        _timestamp("updated_at"),
        sa.Column("archived_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("last_seq", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("head_seq", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("message_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("linear", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("instructions", sa.Text),
        sa.Column("metadata", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("forked_from", sa.Text(collation="C")),
        sa.PrimaryKeyConstraint("user_id", "id", name="conversation_pkey"),
        sa.CheckConstraint("char_length(user_id) BETWEEN 1 AND 255", name="conversation_user_id_check"),
        sa.CheckConstraint("char_length(id) BETWEEN 1 AND 200", name="conversation_id_check"),
        sa.CheckConstraint("0 <= head_seq AND head_seq <= last_seq", name="conversation_head_check"),
        sa.CheckConstraint(
            "0 <= message_count AND message_count <= last_seq", name="conversation_message_count_check"
        ),
        sa.CheckConstraint("jsonb_typeof(metadata) = 'object'", name="conversation_metadata_check"),
        schema=SCHEMA,
    )
    op.create_index(
        "conversation_recent_idx",
        "conversation",
        ["user_id", sa.text("updated_at DESC"), sa.text("id DESC")],
        schema=SCHEMA,
    )
    op.create_index(
        "conversation_trash_idx",
        "conversation",
        ["user_id", "deleted_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )

    op.create_table(
        "message",
        _timestamp("created_at"),
        sa.Column("occurred_at", sa.DateTime(timezone=True)),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("parent_seq", sa.Integer, nullable=False),
        sa.Column("token_count", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("parts", postgresql.JSON),
        sa.Column("key", sa.Text(collation="C")),
        sa.Column("fingerprint", postgresql.BYTEA),
        sa.Column("metadata", postgresql.JSON),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", "seq", name="message_pkey"),
        _of_conversation("message_conversation_fkey"),
        sa.CheckConstraint(
            "seq > 0 AND parent_seq >= 0 AND parent_seq < seq",
            name="message_seq_check",
        ),
        sa.CheckConstraint(
            "role IN ('system', 'developer', 'user', 'assistant', 'tool')", name="message_role_check"
        ),
        sa.CheckConstraint("token_count >= 0", name="message_token_count_check"),
        sa.CheckConstraint("char_length(key) BETWEEN 1 AND 200", name="message_key_check"),
        sa.CheckConstraint("(key IS NULL) = (fingerprint IS NULL)", name="message_fingerprint_check"),
        schema=SCHEMA,
    )
    op.create_index(
        "message_key_idx",
        "message",
        ["user_id", "conversation_id", "key"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("key IS NOT NULL"),
    )

    op.create_table(
        "summary",
        _timestamp("created_at"),
        sa.Column("upto_seq", sa.Integer, nullable=False),
        sa.Column("token_count", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", "upto_seq", name="summary_pkey"),
        _of_conversation("summary_conversation_fkey"),
        sa.CheckConstraint("upto_seq > 0", name="summary_upto_seq_check"),
        sa.CheckConstraint("token_count >= 0", name="summary_token_count_check"),
        schema=SCHEMA,
    )


def _timestamp(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def _of_conversation(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id", "conversation_id"],
        ["recollect.conversation.user_id", "recollect.conversation.id"],
        name=name,
        ondelete="CASCADE",
    )


def _secure_tables() -> None:
    run("GRANT USAGE ON SCHEMA recollect TO recollect_app, recollect_search")
    run("GRANT SELECT ON recollect.schema_version TO recollect_app")
    for table, rights in RIGHTS.items():
        run(f"ALTER TABLE recollect.{table} ENABLE ROW LEVEL SECURITY")
        run(f"ALTER TABLE recollect.{table} FORCE ROW LEVEL SECURITY")
        run(f"CREATE POLICY own_rows ON recollect.{table} TO recollect_app USING ({OWN}) WITH CHECK ({OWN})")
        run(f"GRANT {rights} ON recollect.{table} TO recollect_app")
    for table in ("conversation", "message"):
        run(f"CREATE POLICY search_rows ON recollect.{table} FOR SELECT TO recollect_search USING (true)")
        run(f"GRANT SELECT ON recollect.{table} TO recollect_search")
