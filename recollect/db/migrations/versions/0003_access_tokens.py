"""Personal access tokens, each row visible to its user alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from recollect.db.migrations import run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "recollect"
TABLE = "access_token"

OWN = "user_id = (SELECT nullif(current_setting('recollect.user_id', true), ''))"

# Where conversations are linked to an application's users, so are tokens: in the same way.
LINK = """
DO $$
DECLARE
    link text;
    computed record;
BEGIN
    SELECT pg_get_constraintdef(oid) INTO link FROM pg_constraint
    WHERE conrelid = 'recollect.conversation'::regclass AND conname = 'conversation_users_fkey';
    IF link IS NULL THEN
        RETURN;
    END IF;
    SELECT format_type(a.atttypid, a.atttypmod) AS type, pg_get_expr(d.adbin, d.adrelid) AS expression
    INTO computed
    FROM pg_attribute AS a JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = 'recollect.conversation'::regclass AND a.attname = 'linked_user_id';
    IF FOUND THEN
        EXECUTE format(
            'ALTER TABLE recollect.access_token ADD linked_user_id %s GENERATED ALWAYS AS (%s) STORED, '
            'ADD CONSTRAINT access_token_users_check CHECK (linked_user_id IS NOT NULL)',
            computed.type, computed.expression);
        CREATE INDEX access_token_users_idx ON recollect.access_token (linked_user_id);
    END IF;
    EXECUTE format('ALTER TABLE recollect.access_token ADD CONSTRAINT access_token_users_fkey %s', link);
END
$$
"""


def upgrade() -> None:
    op.create_table(
        TABLE,
        _timestamp("created_at", server_default=sa.text("now()")),
        _timestamp("expires_at"),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", postgresql.BYTEA, nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "hash", name="access_token_pkey"),
        sa.CheckConstraint("char_length(user_id) BETWEEN 1 AND 255", name="access_token_user_id_check"),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="access_token_name_check"),
        sa.CheckConstraint("octet_length(hash) = 32", name="access_token_hash_check"),
        sa.CheckConstraint(
            "cardinality(scopes) > 0 AND "
            "scopes <@ ARRAY['history:read'::text, 'history:write'::text, 'history:erase'::text]",
            name="access_token_scopes_check",
        ),
        schema=SCHEMA,
    )
    run(LINK)
    run(f"ALTER TABLE recollect.{TABLE} ENABLE ROW LEVEL SECURITY")
    run(f"ALTER TABLE recollect.{TABLE} FORCE ROW LEVEL SECURITY")
    run(f"CREATE POLICY own_rows ON recollect.{TABLE} TO recollect_app USING ({OWN}) WITH CHECK ({OWN})")
    # A token never gets other scopes or a longer life: only when it was used last is ever changed.
    run(f"GRANT SELECT, INSERT, DELETE, UPDATE (last_used_at) ON recollect.{TABLE} TO recollect_app")


def downgrade() -> None:
    op.drop_table(TABLE, schema=SCHEMA)


def _timestamp(name: str, server_default: sa.TextClause | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=server_default)
