"""Two users of one database, and what one of them may never learn of the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from recollect.history.cursor import encode_ranked
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.message import NewMessage

SECRET = "alice's secret"


@dataclass(frozen=True)
class Thing:
    """What a caller may know of a conversation: all that an argument can name. It may be alice's,
    or nobody's."""

    id: str
    key: str
    title: str
    metadata: Mapping[str, Any]
    cursor: str = ""
    found: str = ""


HERS = Thing("hers-0001", "her-key-01", "her title 01", {"project": "hers-01"})
NOBODYS = Thing("none-0001", "non-key-01", "non title 01", {"project": "none-01"})


@dataclass(frozen=True)
class Pair:
    """An alice with a conversation, and a bob who is after it.

    hers, nobodys:  the same things, one with alice's names and one with names that nobody uses.
    """

    alice: History
    bob: History
    hers: Thing
    nobodys: Thing


async def acquaint(store: Recollect, number: int) -> Pair:
    """A new alice and a new bob. Each has a conversation with messages of every kind."""
    alice, bob = store.for_user(f"alice-{number}"), store.for_user(f"bob-{number}")
    # His are older than hers: a cursor into her list, if it leads anywhere, leads to them.
    await _converse(bob, Thing("his-0001", HERS.key, "his title", {"project": "his"}), "what bob said")
    await _converse(alice, HERS, SECRET)
    await alice.create(id="her-trashed", title=HERS.title)
    await alice.delete("her-trashed")
    await alice.create(id="her-other-one", title=SECRET)
    cursor = (await alice.list(limit=1)).next_cursor
    assert cursor is not None
    # The same place in the same list, with an id that nobody has.
    carol = store.for_user(f"carol-{number}")
    await carol.create(id=NOBODYS.id)
    await carol.create(id="newer")
    nowhere = (await carol.list(limit=1)).next_cursor
    assert nowhere is not None
    await carol.erase_user()
    found = (await alice.search("secret", limit=1)).next_cursor
    assert found is not None
    # A place in the same search before whatever anybody has.
    before_all = encode_ranked(("secret", None, None, None, None, None), 1e9, NOBODYS.id, 1)
    return Pair(
        alice,
        bob,
        replace(HERS, cursor=cursor, found=found),
        replace(NOBODYS, cursor=nowhere, found=before_all),
    )


async def _converse(history: History, thing: Thing, words: str) -> None:
    await history.create(
        id=thing.id, title=thing.title, instructions=words, metadata={**thing.metadata, "said": words}
    )
    await history.append(
        thing.id,
        [
            NewMessage("user", words, author=words, metadata={"said": words}),
            NewMessage(
                "assistant",
                [{"type": "tool_call", "id": "1", "name": "look", "arguments": {"for": words}}],
            ),
            NewMessage("tool", [{"type": "tool_result", "call_id": "1", "content": words}]),
        ],
        key=thing.key,
    )


def told(answer: object, thing: Thing) -> str:
    """An answer without the names that its caller had given, and without the time of day."""
    text = repr(answer)
    for name, value in (("id", thing.id), ("key", thing.key), ("title", thing.title)):
        text = text.replace(value, f"<{name}>")
    text = text.replace(str(thing.metadata["project"]), "<project>").replace(thing.cursor, "<cursor>")
    text = re.sub(r"datetime\.datetime\(.*?\)", "<time>", text)
    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(\+00:00)?", "<time>", text)


async def rows_of(connection: asyncpg.Connection[asyncpg.Record], user: str) -> dict[str, list[str]]:
    """Everything that is stored of a user, table by table."""
    return {
        table: [
            row[0]
            for row in await connection.fetch(
                f"SELECT t::text FROM recollect.{table} AS t WHERE user_id = $1 ORDER BY 1", user
            )
        ]
        for table in await tables(connection)
    }


async def tables(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    """Every table, view and materialised view of the schema but the one that holds its version."""
    found = await connection.fetch(
        """SELECT relname FROM pg_class
        WHERE relnamespace = 'recollect'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
          AND relname <> 'schema_version'
        ORDER BY relname"""
    )
    return [row[0] for row in found]
