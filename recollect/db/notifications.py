"""Hearing of changes that other processes made, by PostgreSQL's LISTEN and NOTIFY.

What is sent is mostly a hint to look. An import says which conversations it changed, since a look at
the times of conversations finds none that keeps the time it had elsewhere. Everybody who may connect to
the database can listen, so a payload names nobody: users and conversations are hashes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any

from recollect.db import failures
from recollect.db.database import Database, ReadTx, WriteTx
from recollect.db.failures import DRIVER_ERRORS
from recollect.models.errors import Unavailable

CHANNEL = "recollect_changed"

MARK_CHARS = 16

MOST_MARKS = 400
"""So many fit into one payload, which may have 8,000 bytes."""

# A hint need not survive a crash: its commit does not wait for the disk.
_TELL = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)"


def mark(user_id: str) -> str:
    """What stands for a user in a payload: a hash, too short to search among user ids for certain."""
    return blake2b(user_id.encode(), digest_size=MARK_CHARS // 2, person=b"recollect").hexdigest()


def _mark_of(user_id: str, id: str) -> str:
    """What stands for a conversation; `marked` makes the same in the database."""
    return sha256(f"{user_id}/{id}".encode()).hexdigest()[:MARK_CHARS]


async def marked(tx: ReadTx, user_id: str, marks: Sequence[str]) -> dict[str, datetime]:
    """The conversations that some marks stand for, and when each was active last."""
    rows = await tx.fetch(
        """SELECT id, updated_at FROM recollect.conversation
        WHERE user_id = $1
            AND left(encode(sha256(convert_to(user_id || '/' || id, 'UTF8')), 'hex'), $2) = ANY ($3)""",
        user_id,
        MARK_CHARS,
        list(marks),
    )
    return {row["id"]: row["updated_at"] for row in rows}


async def tell_of(tx: WriteTx, user_id: str, ids: Sequence[str]) -> None:
    """Say to all that listen that these conversations changed, once the transaction is committed."""
    marks = [_mark_of(user_id, id) for id in ids]
    for start in range(0, len(marks), MOST_MARKS):
        payload = "/".join([mark(user_id), *marks[start : start + MOST_MARKS]])
        await tx.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)


async def tell(database: Database, marks: Iterable[str]) -> None:
    """Hint to all that listen that something of these users changed. Raises: Unavailable, NotReady."""
    waiting = list(marks)
    async with database.system() as tx:
        for start in range(0, len(waiting), MOST_MARKS):
            payload = ",".join(waiting[start : start + MOST_MARKS])
            await tx.fetch(_TELL, CHANNEL, payload)


async def hear(
    database: Database, heard: Callable[[str, Sequence[str]], None], begun: Callable[[], None]
) -> None:
    """Listen on a connection of its own until it breaks; `begun` is called once it does, and `heard` with
    each user's mark and those of the conversations that an import changed.

    Returns at once where a transaction-mode pooler stands in between, through which nothing can
    be heard. Raises: Unavailable, NotReady.
    """
    connection = await database.open_direct()
    if connection is None:
        return
    lost = asyncio.Event()

    def receive(_connection: Any, _pid: int, _channel: str, payload: object) -> None:
        for one in str(payload).split(","):
            user, *conversations = one.split("/")
            heard(user, conversations)

    try:
        connection.add_termination_listener(lambda _connection: lost.set())
        await connection.add_listener(CHANNEL, receive)
        begun()
        await lost.wait()
    except DRIVER_ERRORS as error:
        raise failures.explain(error, closed=True, undone=True) or Unavailable(
            "The connection that listens for changes broke."
        ) from error
    finally:
        connection.terminate()
    raise Unavailable("The connection that listens for changes broke.")
