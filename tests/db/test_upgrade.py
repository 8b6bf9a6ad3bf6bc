"""Upgrading a database that is in use: what was there before is there afterwards, and counted right."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import asyncpg
import pytest

from recollect.db.migrate import HEAD, Migrated, migrate, script
from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.settings import Settings
from tests.conftest import on_database, run_sql
from tests.db.catalog import facts
from tests.db.servers import query
from tests.db.test_link_users import on
from tests.db.test_migrations import may_use, owned_by, psql, url_database
from tests.history.branch_model import MOST_TOKENS, Model

APPEND_V1 = """SELECT outcome, first_seq, last_seq, head FROM recollect.append_v1(
    $1, $2, array_fill('user'::text, $3), array_fill(NULL::text, $3), array_fill('hello'::text, $3),
    array_fill(NULL::text, $3), $4, array_fill(NULL::text, $3), array_fill(NULL::timestamptz, $3),
    NULL, NULL, $5::integer, $5 IS NOT NULL)"""

APPEND_V2 = """SELECT outcome, first_seq, last_seq, head FROM recollect.append_v2(
    $1, $2, array_fill('user'::text, $3), array_fill(NULL::text, $3), array_fill('hello'::text, $3),
    array_fill(NULL::text, $3), $4, array_fill(NULL::text, $3), array_fill(NULL::timestamptz, $3),
    NULL, NULL, $5::integer, $5 IS NOT NULL, NULL,
    array_fill(NULL::text, $3), array_fill(NULL::smallint, $3))"""


@dataclass
class Old:
    """Conversations that were made at revision 0001, by user and id, with what they should hold."""

    models: dict[tuple[str, str], Model] = field(default_factory=dict[tuple[str, str], Model])

    async def append(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        name: tuple[str, str],
        tokens: list[int],
        under: int | None = None,
        statement: str = APPEND_V1,
    ) -> None:
        """Append at the head, or as a branch under a message, as servers of that version do."""
        model = self.models[name]
        row = await connection.fetchrow(statement, *name, [len(tokens)], tokens, under)
        assert row is not None
        after = model.head if under is None else under
        first, last = model.append([("hello", count) for count in tokens], after, moves=after == model.head)
        assert tuple(row) == ("appended", first, last, model.head)


def filled(url: str) -> Old:
    """A database at revision 0001 with long and short conversations, straight and branched."""
    old, chance = Old(), random.Random(7)

    async def fill(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        for user in ("alice", "bob"):
            for id in ("empty", "short", "long", "huge", "bushy", "nested"):
                await connection.execute(
                    f"BEGIN; SET LOCAL ROLE recollect_app; SET LOCAL recollect.user_id = '{user}'; "
                    f"INSERT INTO recollect.conversation (user_id, id) VALUES ('{user}', '{id}'); COMMIT"
                )
                old.models[user, id] = Model()
            await old.append(connection, (user, "short"), [0, 5, 1])
            for _ in range(10):
                tokens = [chance.randrange(5_000) for _ in range(300)]
                await old.append(connection, (user, "long"), tokens)
            await old.append(connection, (user, "huge"), [MOST_TOKENS - 3, 2, 2, MOST_TOKENS])
            await old.append(connection, (user, "huge"), [4], under=1)
            for step in range(120):
                size, model = chance.randint(1, 4), old.models[user, "bushy"]
                under = chance.randint(0, model.last) if step % 3 else None
                await old.append(
                    connection, (user, "bushy"), [chance.randrange(5_000) for _ in range(size)], under
                )
            for _ in range(60):
                under = max(0, old.models[user, "nested"].last - 1)
                await old.append(connection, (user, "nested"), [7, 7, 7], under)

    on(url, fill)
    return old


def superuser(server: str, url: str) -> str:
    return on_database(server, url_database(url))


def check(server: str, url: str, old: Old) -> None:
    """Every message and every head knows the tokens of its path."""
    everything = superuser(server, url)
    for (user, id), model in old.models.items():
        rows = query(
            everything,
            "SELECT parent_seq, token_count, path_tokens FROM recollect.message "
            "WHERE user_id = $1 AND conversation_id = $2 ORDER BY seq",
            user,
            id,
        )
        assert [(row[0], row[1]) for row in rows] == list(zip(model.parents, model.tokens, strict=True))
        sums = [0]
        for parent, tokens in zip(model.parents, model.tokens, strict=True):
            sums.append(sums[parent] + tokens)
        assert [row[2] for row in rows] == [min(tokens, MOST_TOKENS) for tokens in sums[1:]]
        found = query(
            everything,
            "SELECT head_tokens, head_seq, last_seq FROM recollect.conversation "
            "WHERE user_id = $1 AND id = $2",
            user,
            id,
        )
        assert tuple(found[0]) == (min(sums[model.head], MOST_TOKENS), model.head, model.last)


def check_forced(url: str) -> None:
    """Row security holds for the owner too, as before."""
    flags = query(
        url,
        "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
        "WHERE relname IN ('conversation', 'message', 'summary') AND relkind = 'r'",
    )
    assert {tuple(row) for row in flags} == {(name, True) for name in ("conversation", "message", "summary")}


@pytest.fixture
def owner(server: str) -> str:
    """A database at revision 0001, as its plain owner."""
    url = owned_by(server, "CREATEROLE")
    migrate(parse_url(url), "0001")
    return url


@pytest.mark.parametrize("how", ["migrated", "by the script"])
def test_paths_of_what_was_there_are_counted(server: str, owner: str, how: str) -> None:
    old = filled(owner)
    if how == "migrated":
        assert migrate(parse_url(owner)) == Migrated("0001", HEAD, "db_owner")
    else:
        psql(server, owner, script(since="0001"))
    check(server, owner, old)
    check_forced(owner)


def test_conversations_go_on_where_they_were(server: str, owner: str) -> None:
    old = filled(owner)
    migrate(parse_url(owner))

    async def go_on(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        for name, model in old.models.items():
            await old.append(connection, name, [11, 12], statement=APPEND_V2)
            await old.append(connection, name, [13], max(0, model.last - 2), statement=APPEND_V2)

    on(owner, go_on)
    check(server, owner, old)


def test_servers_of_the_version_before_go_on_meanwhile(server: str, owner: str) -> None:
    """During a rolling deployment. What they append is whole; its path counts from there on."""
    old = filled(owner)
    migrate(parse_url(owner))

    async def go_on(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        for name, model in old.models.items():
            await old.append(connection, name, [3, 4])
            await old.append(connection, name, [5], max(0, model.last - 2))
            await old.append(connection, name, [6], statement=APPEND_V2)
            await old.append(connection, name, [6], model.last, statement=APPEND_V2)

    on(owner, go_on)
    may_use(owner)
    for (user, id), model in old.models.items():
        rows = query(
            superuser(server, owner),
            "SELECT seq, parent_seq, token_count FROM recollect.message "
            "WHERE user_id = $1 AND conversation_id = $2 ORDER BY seq",
            user,
            id,
        )
        assert [tuple(row) for row in rows] == list(
            zip(range(1, model.last + 1), model.parents, model.tokens, strict=True)
        )


def test_an_upgrade_can_be_undone_and_done_again(server: str, owner: str) -> None:
    old = filled(owner)
    before = facts(owner, "db_owner")
    migrate(parse_url(owner))
    assert migrate(parse_url(owner), "0001") == Migrated(HEAD, "0001", "db_owner")
    assert facts(owner, "db_owner") == before
    may_use(owner)
    old.models["alice", "c"] = Model([0], ["hello"], [1], head=1)
    migrate(parse_url(owner))
    check(server, owner, old)
    check_forced(owner)


def test_a_database_whose_users_are_linked_is_upgraded(server: str, owner: str) -> None:
    run_sql(
        owner,
        "CREATE TABLE public.users (id text PRIMARY KEY)",
        "INSERT INTO public.users VALUES ('alice'), ('bob')",
        # As the version of that revision linked them.
        "ALTER TABLE recollect.conversation ADD CONSTRAINT conversation_users_fkey "
        "FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE",
    )
    old = filled(owner)
    migrate(parse_url(owner))
    check(server, owner, old)


def test_a_long_conversation_is_counted_in_one_pass(newest_only: str) -> None:
    """A recursion from message to message took minutes for this."""
    url = owned_by(newest_only, "CREATEROLE")
    migrate(parse_url(url), "0001")
    run_sql(
        superuser(newest_only, url),
        "INSERT INTO recollect.conversation (user_id, id, last_seq, head_seq, message_count) "
        "VALUES ('alice', 'c', 50000, 50000, 50000)",
        "INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text) "
        "SELECT 'alice', 'c', n, n - 1, n % 10, 'user', 'hello' FROM generate_series(1, 50000) AS n",
    )
    read = (
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_all_tables WHERE relname = 'message'"
    )
    before = query(superuser(newest_only, url), read)[0][0]
    migrate(parse_url(url))
    # To count, to update, and to index twice: a few looks at each.
    assert query(superuser(newest_only, url), read)[0][0] - before <= 9 * 50_000
    head = query(superuser(newest_only, url), "SELECT head_tokens FROM recollect.conversation")
    assert head[0][0] == 50_000 // 10 * 45


def test_what_was_said_before_is_found_by_a_new_index(server: str) -> None:
    url = owned_by(server, "CREATEROLE")
    migrate(parse_url(url), "0005")
    run_sql(
        superuser(server, url),
        "INSERT INTO recollect.conversation (user_id, id, last_seq, head_seq, message_count) "
        "VALUES ('alice', 'c', 2, 2, 2), ('bob', 'c', 1, 1, 1)",
        "INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text) "
        "VALUES ('alice', 'c', 1, 0, 1, 'user', 'the lighthouse ' || repeat('x', 2046)), "
        "('alice', 'c', 2, 1, 1, 'user', 'the harbour'), ('bob', 'c', 1, 0, 1, 'user', 'the lighthouses')",
    )
    migrate(parse_url(url))

    async def found() -> list[list[int]]:
        async with Recollect.open(Settings.model_validate({"database_url": url})) as store:
            return [
                [hit.seq for hit in (await store.for_user(user).search(query)).hits]
                for user in ("alice", "bob")
                for query in ("lighthouse", "x" * 2046, "harbour")
            ]

    assert asyncio.run(found()) == [[1], [1], [2], [1], [], []]
