"""Paths through a conversation: tokens up to each message, branches by an index, forks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from recollect.db.migrations import make_functions, run
from recollect.db.sql import load

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "recollect"

FUNCTIONS = ("path_v1", "append_v2", "open_v1", "window_v2", "fork_v1")

# Messages that are there already: each with the tokens of its parent's path and its own. Parents come
# before their children, so one pass by seq would do; this is the same as a recursion.
COUNT_PATHS = """
WITH RECURSIVE path AS (
    SELECT m.user_id, m.conversation_id, m.seq, m.token_count::bigint AS tokens
    FROM recollect.message AS m WHERE m.parent_seq = 0
    UNION ALL
    SELECT m.user_id, m.conversation_id, m.seq, p.tokens + m.token_count
    FROM path AS p
    JOIN recollect.message AS m
      ON m.user_id = p.user_id AND m.conversation_id = p.conversation_id AND m.parent_seq = p.seq
)
UPDATE recollect.message AS m
SET path_tokens = least(p.tokens, 2147483647)
FROM path AS p
WHERE m.user_id = p.user_id AND m.conversation_id = p.conversation_id AND m.seq = p.seq
"""

COUNT_HEADS = """
UPDATE recollect.conversation AS c
SET head_tokens = m.path_tokens
FROM recollect.message AS m
WHERE m.user_id = c.user_id AND m.conversation_id = c.id AND m.seq = c.head_seq
"""


def upgrade() -> None:
    op.add_column("conversation", _count("head_tokens"), schema=SCHEMA)
    op.add_column("conversation", sa.Column("forked_seq", sa.Integer), schema=SCHEMA)
    op.add_column("message", _count("path_tokens"), schema=SCHEMA)
    op.create_index(
        "message_branch_idx",
        "message",
        ["user_id", "conversation_id", "seq"],
        schema=SCHEMA,
        postgresql_include=["parent_seq"],
        postgresql_where=sa.text("parent_seq <> seq - 1"),
    )
    # The owner sees rows of users only where row security is not forced on it; nobody else sees the
    # tables like this, since this transaction has them locked.
    for table in ("conversation", "message"):
        run(f"ALTER TABLE recollect.{table} NO FORCE ROW LEVEL SECURITY")
    run(COUNT_PATHS)
    run(COUNT_HEADS)
    for table in ("conversation", "message"):
        run(f"ALTER TABLE recollect.{table} FORCE ROW LEVEL SECURITY")
    make_functions([load(name) for name in FUNCTIONS])


def downgrade() -> None:
    for name in reversed(FUNCTIONS):
        run(f"DROP FUNCTION recollect.{name}")
    op.drop_index("message_branch_idx", "message", schema=SCHEMA)
    op.drop_column("message", "path_tokens", schema=SCHEMA)
    op.drop_column("conversation", "forked_seq", schema=SCHEMA)
    op.drop_column("conversation", "head_tokens", schema=SCHEMA)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0"))
