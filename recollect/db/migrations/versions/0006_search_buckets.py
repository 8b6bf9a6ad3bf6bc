"""The search index by buckets of users: other users' messages no longer lengthen what a search reads."""

from __future__ import annotations

from alembic import op

from recollect.db.migrations import make_function, make_search_function, run
from recollect.db.sql import load

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "recollect"

FUNCTIONS = ("search_queries_v2", "search_v2", "search_fused_v2")

VECTOR = (
    "(replace(' ' || strip(to_tsvector(CASE language WHEN 1 THEN 'pg_catalog.german'::regconfig WHEN 2 "
    "THEN 'pg_catalog.french'::regconfig WHEN 3 THEN 'pg_catalog.spanish'::regconfig WHEN 4 THEN "
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
    "coalesce(author || ' ', '') || replace(replace(replace(replace(CASE WHEN octet_length(text) < 1000 "
    "THEN text ELSE regexp_replace(left(text, 250000) COLLATE \"C\", E'\\\\S{255}', E'\\\\& ', 'g') END, "
    "'/', ' '), '.', ' '), '-', ' '), '<', ' ') ELSE '' END || coalesce(CASE WHEN octet_length(terms) < "
    "1000 THEN terms ELSE regexp_replace(terms COLLATE \"C\", E'\\\\S{255}', E'\\\\& ', 'g') END, "
    "'')))::text, ' ''', ' ''' || lpad(to_hex(hashtextextended(user_id, 0) & 31), 2, '0')))::tsvector"
)

VECTOR_BEFORE = (
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
    # A server of the version before has no use for its functions without their index: it says that the
    # schema is another one, and goes on with everything but search.
    _drop("search_fused_v1", "search_v1", "search_keys_v1", "search_queries_v1")
    op.drop_index("message_search_idx", "message", schema=SCHEMA)
    run(f"CREATE INDEX message_search_idx ON recollect.message USING gin (({VECTOR}))")
    for name in FUNCTIONS:
        make_function(name, load(name))
    make_search_function("search_keys_v2", load("search_keys_v2"))


def downgrade() -> None:
    _drop("search_keys_v2", *reversed(FUNCTIONS))
    op.drop_index("message_search_idx", "message", schema=SCHEMA)
    run(f"CREATE INDEX message_search_idx ON recollect.message USING gin (({VECTOR_BEFORE}))")
    for name in ("search_queries_v1", "search_v1", "search_fused_v1"):
        make_function(name, load(name))
    make_search_function("search_keys_v1", load("search_keys_v1"))


def _drop(*names: str) -> None:
    for name in names:
        run(f"DROP FUNCTION recollect.{name}")
