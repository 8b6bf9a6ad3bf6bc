"""Search: an index of every message's words, the functions that ask it, and those that fill it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from recollect.db.migrations import make_functions, make_search_function, run
from recollect.db.sql import load
from recollect.models.terms import terms_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "recollect"

# The functions that write messages are made here, since they name columns that this revision adds.
FUNCTIONS = ("append_v2", "open_v1", "fork_v1", "search_queries_v1", "search_v1")

VECTOR = (
    "to_tsvector(CASE language WHEN 1 THEN 'pg_catalog.german'::regconfig WHEN 2 THEN "
    "'pg_catalog.french'::regconfig WHEN 3 THEN 'pg_catalog.spanish'::regconfig WHEN 4 THEN "
    "'pg_catalog.portuguese'::regconfig WHEN 5 THEN 'pg_catalog.italian'::regconfig WHEN 6 THEN "
    "'pg_catalog.dutch'::regconfig WHEN 7 THEN 'pg_catalog.swedish'::regconfig WHEN 8 THEN "
    "'pg_catalog.russian'::regconfig WHEN 9 THEN 'pg_catalog.greek'::regconfig WHEN 10 THEN "
    "'pg_catalog.arabic'::regconfig WHEN 11 THEN 'pg_catalog.hindi'::regconfig ELSE "
    "'pg_catalog.english'::regconfig END, 'u0' || to_hex(hashtextextended(user_id, 0)) || ' ' || "
    "date_part('day', coalesce(occurred_at, created_at) AT TIME ZONE 'UTC')::integer::text || ' ' || "
    "(ARRAY['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', "
    "'october', 'november', 'december'])[ date_part('month', coalesce(occurred_at, created_at) AT TIME "
    "ZONE 'UTC')::integer] || ' ' || date_part('year', coalesce(occurred_at, created_at) AT TIME ZONE "
    "'UTC')::integer::text || ' ' || CASE WHEN terms IS NULL OR starts_with(terms, ' ') THEN "
    "coalesce(author || ' ', '') || replace(replace(replace(replace(left(text, 250000), '/', ' '), '.', ' "
    "'), '-', ' '), '<', ' ') ELSE '' END || coalesce(terms, ''))"
)


def upgrade() -> None:
    op.add_column("message", sa.Column("terms", sa.Text), schema=SCHEMA)
    op.add_column("message", sa.Column("language", sa.SmallInteger), schema=SCHEMA)
    if not context.is_offline_mode():  # a script cannot
        _complete_messages()
    run(f"CREATE INDEX message_search_idx ON recollect.message USING gin (({VECTOR}))")
    make_functions([load(name) for name in FUNCTIONS])
    make_search_function("search_keys_v1", load("search_keys_v1"))


# Messages that are there already: those whose text may hold more than the parser finds.
OLD = sa.text(
    """
    SELECT user_id, conversation_id, seq, author, text
    FROM recollect.message
    WHERE (user_id, conversation_id, seq) > (:user, :conversation, :seq)
    ORDER BY user_id, conversation_id, seq
    LIMIT 1000
    """
)

COMPLETE = sa.text(
    """
    UPDATE recollect.message SET terms = :terms, language = :language
    WHERE user_id = :user AND conversation_id = :conversation AND seq = :seq
    """
)


def _complete_messages() -> None:
    """Give old messages their terms and language. The owner sees them only where row security is not
    forced on it; nobody else sees the table like this, since this transaction has it locked."""
    connection = op.get_bind()
    run("ALTER TABLE recollect.message NO FORCE ROW LEVEL SECURITY")
    place: dict[str, object] = {"user": "", "conversation": "", "seq": 0}
    while rows := connection.execute(OLD, place).all():
        changes: list[dict[str, object]] = []
        for user, conversation, seq, author, text in rows:
            place = {"user": user, "conversation": conversation, "seq": seq}
            terms, language = terms_of(text, author)
            if terms is not None or language is not None:
                changes.append(place | {"terms": terms, "language": language})
        if changes:
            connection.execute(COMPLETE, changes)
    run("ALTER TABLE recollect.message FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for name in ("search_keys_v1", *reversed(FUNCTIONS)):
        run(f"DROP FUNCTION recollect.{name}")
    op.drop_index("message_search_idx", "message", schema=SCHEMA)
    op.drop_column("message", "language", schema=SCHEMA)
    op.drop_column("message", "terms", schema=SCHEMA)
