"""What the schema consists of besides the tables: roles, row security, rights, functions.

`recollect.models.tables` declares the tables; this declares the rest. Migrations are proved
against both, and `recollect doctor` compares a live database with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from recollect.db.sql import FUNCTIONS, RETAINED, load

APP_ROLE = "recollect_app"
"""As whom every statement of a user runs, and who owns the functions. Row security holds for it."""

SEARCH_ROLE = "recollect_search"
"""May read the text of all users, for functions that filter by user themselves."""

ROLES = (APP_ROLE, SEARCH_ROLE)

SEARCH_FUNCTIONS = ("search_keys_v2",)
"""The functions that belong to the search role; only functions of the other one call them."""

TABLES = ("conversation", "message", "summary", "access_token", "embedding")

# Long enough for another process that migrates this database right now; then short, since
# whoever waits for a table's lock makes everybody behind it wait too.
LOCK = (
    "SET LOCAL lock_timeout = '120s'",
    "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7305531412917203); END $$",
    "SET LOCAL lock_timeout = '10s'",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL search_path = pg_catalog, pg_temp",
    # Of Citus; elsewhere names without meaning. The roles that a migration takes on are the coordinator's;
    # one connection to each node, so that what one statement made is seen by the next.
    "SET LOCAL citus.propagate_set_commands = none",
    "SET LOCAL citus.multi_shard_modify_mode = sequential",
)
"""Opens whatever changes the schema. The lock ends with the transaction."""

OWN_ROWS = "user_id = (SELECT nullif(current_setting('recollect.user_id', true), ''))"


@dataclass(frozen=True, slots=True)
class Policy:
    """A row security policy. check: for rows that are written; None where nothing may be."""

    table: str
    name: str
    command: str
    role: str
    using: str
    check: str | None


POLICIES = (
    *(Policy(table, "own_rows", "ALL", APP_ROLE, OWN_ROWS, OWN_ROWS) for table in TABLES),
    *(
        Policy(table, "search_rows", "SELECT", SEARCH_ROLE, "true", None)
        for table in ("conversation", "message")
    ),
)

RIGHTS = (
    (APP_ROLE, "schema_version", "SELECT"),
    (APP_ROLE, "conversation", "SELECT, INSERT, UPDATE, DELETE"),
    (APP_ROLE, "message", "SELECT, INSERT, DELETE"),
    (APP_ROLE, "summary", "SELECT, INSERT, DELETE"),
    (APP_ROLE, "access_token", "SELECT, INSERT, DELETE, UPDATE (last_used_at)"),
    (APP_ROLE, "embedding", "SELECT, INSERT, DELETE"),
    (SEARCH_ROLE, "conversation", "SELECT"),
    (SEARCH_ROLE, "message", "SELECT"),
)


def statements(owner: str) -> list[str]:
    """SQL that makes the declared schema out of tables that `metadata.create_all` has made and
    roles that exist. Only tests run it; a database in use is migrated.

    owner:  the role that owns the tables, quoted.
    """
    made = [
        "CREATE TABLE recollect.schema_version "
        "(version_num varchar(32) NOT NULL CONSTRAINT schema_version_pkc PRIMARY KEY)"
    ]
    made += [f"GRANT USAGE ON SCHEMA recollect TO {role}" for role in ROLES]
    for table in TABLES:
        made.append(f"ALTER TABLE recollect.{table} ENABLE ROW LEVEL SECURITY")
        made.append(f"ALTER TABLE recollect.{table} FORCE ROW LEVEL SECURITY")
    made.append("ALTER TABLE recollect.embedding ALTER vector SET STORAGE MAIN")
    made += [
        f"CREATE POLICY {policy.name} ON recollect.{policy.table} FOR {policy.command} TO {policy.role} "
        f"USING ({policy.using})" + (f" WITH CHECK ({policy.check})" if policy.check else "")
        for policy in POLICIES
    ]
    made += [f"GRANT {rights} ON recollect.{table} TO {role}" for role, table, rights in RIGHTS]
    made += [f"GRANT CREATE ON SCHEMA recollect TO {role}" for role in ROLES]
    for name in (*FUNCTIONS, *RETAINED):
        searches = name in SEARCH_FUNCTIONS
        made += [
            load(name),
            f"REVOKE ALL ON FUNCTION recollect.{name} FROM PUBLIC",
            f"ALTER FUNCTION recollect.{name} OWNER TO {SEARCH_ROLE if searches else APP_ROLE}",
            f"GRANT EXECUTE ON FUNCTION recollect.{name} TO {owner}" + (f", {APP_ROLE}" if searches else ""),
        ]
    made += [f"REVOKE CREATE ON SCHEMA recollect FROM {role}" for role in ROLES]
    return made
