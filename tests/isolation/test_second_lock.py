"""Where a statement forgets its user, row security hides the others' rows all the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import resources

import asyncpg
import pytest

from recollect.db import sql
from recollect.db.schema import TABLES
from recollect.db.sql import FUNCTIONS, REMOVED, RETAINED, load
from tests.isolation.people import rows_of
from tests.isolation.rows import Connection, undone

_ROW = "'{user}', '{NULL}', '{x}', '{NULL}', '{1}', '{NULL}', '{NULL}'"
_APPEND_V1 = f"SELECT outcome FROM recollect.append_v1($1, $2, {_ROW}, %s) WHERE outcome <> 'missing'"
_TERMS = "'{NULL}', '{NULL}'"
_APPEND = f"SELECT outcome FROM recollect.append_v2($1, $2, {_ROW}, %s) WHERE outcome <> 'missing'"

CALLS = {
    "append_v1": _APPEND_V1 % "NULL, NULL, NULL, false",
    "append_v1 with a key": _APPEND_V1 % "'key', '\\x00', NULL, false",
    "append_v1 onto a branch": _APPEND_V1 % "NULL, NULL, 1, true",
    "append_v2": _APPEND % f"NULL, NULL, NULL, false, NULL, {_TERMS}",
    "append_v2 with a key": _APPEND % f"'key', '\\x00', NULL, false, NULL, {_TERMS}",
    "append_v2 onto a branch": _APPEND % f"NULL, NULL, 1, true, NULL, {_TERMS}",
    "append_v2 after a message": _APPEND % f"NULL, NULL, NULL, false, 1, {_TERMS}",
    "fork_v1": "SELECT upto FROM recollect.fork_v1($1, $2, NULL, 'copy', NULL) WHERE outcome <> 'missing'",
    "messages_v1": "SELECT seq FROM recollect.messages_v1($1, $2, 0, 100, 100, false, NULL)",
    "messages_v2": "SELECT seq FROM recollect.messages_v2($1, $2, 0, 100, 100, false, NULL)",
    "messages_v1 from the end": "SELECT seq FROM recollect.messages_v1($1, $2, 0, 100, 100, true, 1)",
    "messages_v2 from the end": "SELECT seq FROM recollect.messages_v2($1, $2, 0, 100, 100, true, 1)",
    "path_v1": "SELECT low FROM recollect.path_v1($1, $2, 3) WHERE low > 1",
    "window_v1": "SELECT seq FROM recollect.window_v1($1, $2, 1000, 100)",
    "window_v2": "SELECT seq FROM recollect.window_v2($1, $2, NULL, NULL, 1000, 100, 100, 0, 100, 100)",
}
"""Calls of every function for the user $1 and the conversation $2; no row where it is not theirs."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)

STATEMENTS = {
    "get_conversation": (),
    "update_conversation": (True, "taken", True, "taken", None, True, True),
    "trash_conversation": (True,),
    "branch_starts": (3,),
    "message_previews": ([1], 10),
    "switch_head": (2,),
    "insert_summary": (2, "of two", 1),
    "list_summaries": (9, 9),
    "export_summaries": (0, 9),
    "delete_summary": (1, "another"),
    "stored_tokens": (),
    "embeddings_lacking": (3, "model", 10, 10),
    "import_counts": (9, 9, 9, 9, False, NOW, None, "taken"),
    "import_header": ("taken", None, "{}", True, None, NOW, 9, 9, 9, 9, False),
}
"""The arguments of every other statement, after those that name the conversation."""

OF_MANY = {
    "list_conversations": (False, None, None, None, None, None, None, 100),
    "export_conversations": ("", "z", 100),
    "export_messages": ("", 0, "z", 1, 1_000_000),
    "import_present": (["talk"],),
    "import_messages": (
        ["talk"],
        [4],
        [3],
        ["user"],
        [None],
        ["taken"],
        [None],
        [1],
        [4],
        [None],
        [None],
        [None],
        [None],
        [None],
        [None],
        [None],
    ),
    "messages_around": (["talk"], [1], 2, 10),
    "embeddings_missing": ("model",),
    "embeddings_lacking_places": ("talk", 2, "model", 10),
    "embeddings_lacking_texts": (["talk"], [3], "model", 10),
    "embeddings_outdated": ("talk", 1, "another"),
    "embeddings_insert": (["talk"], [3], [NOW], [1.0, 0.0], [1], [2], "model"),
}
"""The arguments of statements that are not about the one conversation, after the user."""


@pytest.fixture(scope="module")
async def hers(admin: Connection) -> Connection:
    """A superuser's connection to a database in which only alice has a conversation, "talk"."""
    await admin.execute(
        """INSERT INTO recollect.conversation (user_id, id, last_seq, head_seq, message_count, linear)
        VALUES ('alice', 'talk', 3, 3, 3, false);
        INSERT INTO recollect.message
            (user_id, conversation_id, seq, parent_seq, token_count, role, text, key, fingerprint, created_at)
        VALUES ('alice', 'talk', 1, 0, 1, 'user', 'secret', 'key', '\\x00', '2026-01-01Z'),
               ('alice', 'talk', 2, 1, 1, 'user', 'secret', NULL, NULL, '2026-01-01Z'),
               ('alice', 'talk', 3, 1, 1, 'user', 'secret', NULL, NULL, '2026-01-01Z');
        INSERT INTO recollect.embedding (user_id, conversation_id, seq, model, vector)
        VALUES ('alice', 'talk', 1, 'model', '{1, 0}');
        CREATE EXTENSION vector SCHEMA public;
        INSERT INTO recollect.summary (user_id, conversation_id, upto_seq, token_count, content)
        VALUES ('alice', 'talk', 1, 1, 'secret')"""
    )
    return admin


def without_user(source: str) -> str:
    """SQL whose conditions on the user are gone; the parameter keeps its type."""
    condition = r'\b(?:[cems]\.)?user_id = (p_user|\$1)\b(?: COLLATE "POSIX")?'
    stripped = re.sub(condition, r"\1::text IS NOT NULL", source)
    assert stripped != source
    assert not re.search("user_id = ", stripped)
    return stripped


async def forget_user(connection: Connection, function: str) -> None:
    """Replace a function by one that forgets its user; its owner stays."""
    await connection.execute(
        without_user(load(function)).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    )


async def unlock(connection: Connection) -> None:
    for table in TABLES:
        await connection.execute(f"ALTER TABLE recollect.{table} DISABLE ROW LEVEL SECURITY")


def test_every_function_and_every_statement_is_tried() -> None:
    # open_v1 has no condition, what it calls has; how words become a query is nobody's.
    functions = {*FUNCTIONS, *RETAINED} - {"open_v1", "search_queries_v2"}
    assert {call.split()[0] for call in CALLS} | {
        "search_v2",
        "search_keys_v2",
        "search_fused_v2",
    } == functions
    files = {file.name.removesuffix(".sql") for file in resources.files(sql).iterdir()}
    assert {*functions, *STATEMENTS, *OF_MANY} == {
        name for name in files - {*REMOVED} if not name.startswith("__") and "user_id = " in load(name)
    }


@pytest.mark.parametrize("call", CALLS)
async def test_a_function_that_forgets_its_user_still_shows_and_changes_nothing(
    hers: Connection, call: str
) -> None:
    function = call.split()[0]
    before = await rows_of(hers, "alice")
    async with undone(hers):
        await forget_user(hers, function)
        assert await hers.fetch(CALLS[call], "bob", "talk") == []
        assert await rows_of(hers, "alice") == before
        assert await hers.fetch(CALLS[call], "alice", "talk") != []
    # The same without row security: the lock is what held.
    async with undone(hers):
        await unlock(hers)
        assert await hers.fetch(CALLS[call], "bob", "talk") == []
        await forget_user(hers, function)
        assert await reached(hers, CALLS[call])


async def reached(connection: Connection, call: str) -> bool:
    """Whether bob's call finds alice's conversation: rows, or an attempt to write there."""
    try:
        return await connection.fetch(call, "bob", "talk") != []
    except asyncpg.ForeignKeyViolationError:
        return True


@pytest.mark.parametrize("name", [*STATEMENTS, *OF_MANY])
async def test_a_statement_that_forgets_its_user_still_shows_and_changes_nothing(
    hers: Connection, name: str
) -> None:
    statement = without_user(load(name)) + (
        "RETURNING recollect.message.seq" if name == "import_messages" else ""
    )
    before = await rows_of(hers, "alice")

    async def found_by(user: str) -> int:
        await hers.execute("SET LOCAL ROLE recollect_app")
        await hers.execute("SELECT set_config('recollect.user_id', $1, true)", user)
        arguments = OF_MANY[name] if name in OF_MANY else ("talk", *STATEMENTS[name])
        found = len(await hers.fetch(statement, user, *arguments))
        await hers.execute("SET LOCAL ROLE NONE")
        return found

    one = 2 if name == "messages_around" else 1
    async with undone(hers):
        assert await found_by("bob") == 0
        assert await rows_of(hers, "alice") == before
        assert await found_by("alice") == one
    async with undone(hers):
        await unlock(hers)
        assert await found_by("bob") == one


SEARCH = """SELECT seq FROM recollect.search_v2(
    $1, '{any}', '{secret}', '{NULL}', NULL, false, $2, NULL, NULL, NULL, NULL,
    10, NULL, NULL, NULL, 'secret', 100
) WHERE seq IS NOT NULL"""


async def forget_user_of_search(connection: Connection, *functions: str) -> None:
    """Also what names the user in the index is gone, and everybody asks in alice's bucket."""
    for function in functions:
        source = load(function).replace("own && all_of", "all_of")
        source = source.replace("hashtextextended(p_user, 0) & 31", "hashtextextended('alice', 0) & 31")
        if function != "search_queries_v2":
            source = without_user(source)
        await connection.execute(source.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))


async def test_a_search_that_forgets_its_user_still_shows_nothing(hers: Connection) -> None:
    """The search role sees all rows. What it finds is read under row security, as another role."""
    everything = ("search_queries_v2", "search_keys_v2", "search_v2")
    async with undone(hers):
        await forget_user_of_search(hers, *everything)
        assert await hers.fetch(SEARCH, "bob", "talk") == []
        assert await hers.fetch(SEARCH, "alice", "talk") != []
    # The same without row security, forgetting less and less.
    async with undone(hers):
        await unlock(hers)
        await forget_user_of_search(hers, *everything)
        assert await hers.fetch(SEARCH, "bob", "talk") != []
        await hers.execute(load("search_keys_v2").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
        assert await hers.fetch(SEARCH, "bob", "talk") == []


NO_WORD = SEARCH.replace("secret}", "another}")
FUSED = NO_WORD.replace("search_v2", "search_fused_v2").replace("100\n)", "100, 'model', '{1, 0}'\n)")
"""Finds by the vector alone: no message holds the word."""


async def test_a_search_by_meaning_that_forgets_its_user_still_shows_nothing(hers: Connection) -> None:
    everything = ("search_queries_v2", "search_keys_v2", "search_fused_v2")
    async with undone(hers):
        assert await hers.fetch(NO_WORD, "alice", "talk") == []
        assert await hers.fetch(FUSED, "alice", "talk") != []
        assert await hers.fetch(FUSED, "bob", "talk") == []
        await forget_user_of_search(hers, *everything)
        assert await hers.fetch(FUSED, "bob", "talk") == []
        assert await hers.fetch(FUSED, "alice", "talk") != []
    async with undone(hers):
        await unlock(hers)
        assert await hers.fetch(FUSED, "bob", "talk") == []
        await forget_user_of_search(hers, "search_fused_v2")
        assert await hers.fetch(FUSED, "bob", "talk") != []


async def test_the_search_role_s_function_finds_nothing_for_nobody(hers: Connection) -> None:
    async with undone(hers):
        for user in ("alice", "bob", ""):
            await hers.execute("SELECT set_config('recollect.user_id', $1, true)", user)
            found = await hers.fetch(
                """SELECT FROM recollect.search_keys_v2(
                    recollect.search_queries_v2('alice', '{any}', '{secret}', NULL), '{any}', '{NULL}', false,
                    NULL, NULL, NULL, NULL, NULL, 10, NULL, NULL, NULL)"""
            )
            assert len(found) == (3 if user == "alice" else 0)
