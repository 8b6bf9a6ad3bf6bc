"""Paths through a conversation: tokens up to each message, branches by an index, what a fork is of."""

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

FUNCTIONS = ("path_v1", "messages_v2", "window_v2")

# Messages that are there already. A conversation is a tree of runs, in which each message follows the
# one before it: within a run the tokens add up by seq, and what lies before it depends on the run that
# it branches off. So only the runs are gone through by recursion, and a linear conversation is one.
COUNT_PATHS = """
WITH RECURSIVE counted AS MATERIALIZED (
    SELECT m.user_id, m.conversation_id, m.seq, m.parent_seq, m.token_count,
           sum(m.token_count) OVER by_seq AS tokens,
           coalesce(max(m.seq) FILTER (WHERE m.parent_seq <> m.seq - 1) OVER by_seq, 0) AS run
    FROM recollect.message AS m
    WINDOW by_seq AS (PARTITION BY m.user_id, m.conversation_id ORDER BY m.seq)
),
branch AS MATERIALIZED (
    SELECT c.user_id, c.conversation_id, c.seq, coalesce(p.run, 0) AS parent_run,
           coalesce(p.tokens, 0) - (c.tokens - c.token_count) AS shift
    FROM counted AS c
    LEFT JOIN counted AS p
      ON p.user_id = c.user_id AND p.conversation_id = c.conversation_id AND p.seq = c.parent_seq
    WHERE c.seq = c.run
),
run AS (
    SELECT b.user_id, b.conversation_id, b.seq, b.shift FROM branch AS b WHERE b.parent_run = 0
    UNION ALL
    SELECT b.user_id, b.conversation_id, b.seq, b.shift + r.shift
    FROM run AS r
    JOIN branch AS b
      ON b.user_id = r.user_id AND b.conversation_id = r.conversation_id AND b.parent_run = r.seq
)
UPDATE recollect.message AS m
SET path_tokens = least(c.tokens + coalesce(r.shift, 0), 2147483647)
FROM counted AS c
LEFT JOIN run AS r ON r.user_id = c.user_id AND r.conversation_id = c.conversation_id AND r.seq = c.run
WHERE m.user_id = c.user_id AND m.conversation_id = c.conversation_id AND m.seq = c.seq
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
    op.add_column("message", sa.Column("kept_head", sa.Integer), schema=SCHEMA)
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
    op.drop_column("message", "kept_head", schema=SCHEMA)
    op.drop_column("message", "path_tokens", schema=SCHEMA)
    op.drop_column("conversation", "forked_seq", schema=SCHEMA)
    op.drop_column("conversation", "head_tokens", schema=SCHEMA)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0"))
