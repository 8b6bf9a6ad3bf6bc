"""Hearing of changes that other processes made, by PostgreSQL's LISTEN and NOTIFY.

What is sent is a hint to look, never what changed: everybody who may connect to the database can
listen, so a payload names nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

from recollect.db import failures
from recollect.db.database import Database
from recollect.db.failures import DRIVER_ERRORS
from recollect.models.errors import Unavailable

CHANNEL = "recollect_changed"

MARK_CHARS = 16

MOST_MARKS = 400
"""So many fit into one payload, which may have 8,000 bytes."""


# Of no user, on no table, and so without a transaction around it. A hint need not survive a crash: its
# commit does not wait for the disk.
_TELL = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)"


def mark(user_id: str) -> str:
    """What stands for a user in a payload: a hash, too short to search among user ids for certain."""
    return blake2b(user_id.encode(), digest_size=MARK_CHARS // 2, person=b"recollect").hexdigest()


async def tell(database: Database, marks: Iterable[str]) -> None:
    """Hint to all that listen that something of these users changed. Raises: Unavailable, NotReady."""
    waiting = list(marks)
    for start in range(0, len(waiting), MOST_MARKS):
        payload = ",".join(waiting[start : start + MOST_MARKS])
        await database.call(_TELL, CHANNEL, payload, repeatable=True)


async def hear(database: Database, heard: Callable[[str], None]) -> None:
    """Listen on a connection of its own until it breaks; `heard` is called with each mark.

    Returns at once where a transaction-mode pooler stands in between, through which nothing can
    be heard. Raises: Unavailable, NotReady.
    """
    connection = await database.open_direct()
    if connection is None:
        return
    lost = asyncio.Event()

    def receive(_connection: Any, _pid: int, _channel: str, payload: object) -> None:
        for one in str(payload).split(","):
            heard(one)

    try:
        connection.add_termination_listener(lambda _connection: lost.set())
        await connection.add_listener(CHANNEL, receive)
        await lost.wait()
    except DRIVER_ERRORS as error:
        raise failures.explain(error, closed=True, undone=True) or Unavailable(
            "The connection that listens for changes broke."
        ) from error
    finally:
        connection.terminate()
    raise Unavailable("The connection that listens for changes broke.")
