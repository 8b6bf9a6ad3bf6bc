"""What messages are about, as vectors, and the search that ranks by it too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from recollect.db.migrations import make_function, run
from recollect.db.sql import load

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "recollect"
TABLE = "embedding"

OWN = "user_id = (SELECT nullif(current_setting('recollect.user_id', true), ''))"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("conversation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("model", sa.Text(collation="C"), nullable=False),
        sa.Column("vector", sa.ARRAY(sa.REAL), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", "seq", name="embedding_pkey"),
        sa.ForeignKeyConstraint(
            ["user_id", "conversation_id"],
            [f"{SCHEMA}.conversation.user_id", f"{SCHEMA}.conversation.id"],
            name="embedding_conversation_fkey",
            ondelete="CASCADE",
        ),
        schema=SCHEMA,
    )
    run(f"ALTER TABLE recollect.{TABLE} ALTER vector SET STORAGE MAIN")
    run(f"ALTER TABLE recollect.{TABLE} ENABLE ROW LEVEL SECURITY")
    run(f"ALTER TABLE recollect.{TABLE} FORCE ROW LEVEL SECURITY")
    run(f"CREATE POLICY own_rows ON recollect.{TABLE} TO recollect_app USING ({OWN}) WITH CHECK ({OWN})")
    run(f"GRANT SELECT, INSERT, DELETE ON recollect.{TABLE} TO recollect_app")
    make_function("search_fused_v1", load("search_fused_v1"))


def downgrade() -> None:
    run("DROP FUNCTION recollect.search_fused_v1")
    op.drop_table(TABLE, schema=SCHEMA)
