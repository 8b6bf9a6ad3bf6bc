"""A proof on the user's own database: connections are killed while messages are appended, and afterwards
every message is there once. What it writes are conversations of its own, which it removes at the end."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from recollect.db.connector import Connector
from recollect.db.database import Database
from recollect.db.failures import DRIVER_ERRORS
from recollect.db.sql import load
from recollect.db.target import Target
from recollect.history.history import History
from recollect.history.scope import MAX_PAGE
from recollect.models.errors import NotFound, Unavailable
from recollect.models.message import NewMessage
from recollect.settings import Settings

CONVERSATIONS = 2
WRITERS = 3
"""Of each conversation; all append at its end at the same time."""

KILL_SECONDS = 0.1
"""Between two times that the connections are killed, or as long as it takes until one of them has stored
something."""

GIVE_UP_SECONDS = 60.0
"""After so long without an answer to one append the database is held for gone."""

_KILL = load("kill_connections")

_T = TypeVar("_T")

Said = dict[tuple[str, int], list[str]]
"""What each writer was told is stored, in its order, by conversation and writer."""


@dataclass(slots=True)
class Chaos:
    """What happened.

    stored:     messages that were acknowledged. retried: appends that had to be sent again.
    killed:     connections.
    lost, doubled, misplaced:  of the stored messages: those that are missing, those that are there
                more than once, and those out of their writer's order or beside a gap in `seq`.
    """

    stored: int = 0
    retried: int = 0
    killed: int = 0
    lost: int = 0
    doubled: int = 0
    misplaced: int = 0

    @property
    def sound(self) -> bool:
        return not (self.lost or self.doubled or self.misplaced)


async def wreak(target: Target, settings: Settings, user_id: str, seconds: float) -> Chaos:
    """Append for some seconds while the connections that do it are killed, and compare what is stored
    with what was acknowledged. An append that fails is sent again under its key, as any client would.

    Only connections that this opened itself are killed: they carry a name that nobody else has.

    Raises: Unavailable (the database stays away), NotReady.
    """
    name = f"recollect-chaos-{secrets.token_hex(8)}"
    chaos, said = Chaos(), Said()
    db = await _open(_named(target, name), settings)
    try:
        history = History(db, user_id, settings)
        ids = [f"{name}-{number}" for number in range(CONVERSATIONS)]
        try:
            for id in ids:
                await history.create(id=id, title="recollect doctor --chaos")
            try:
                await _collide(target, settings, history, ids, seconds, chaos, said)
            except ExceptionGroup as group:
                raise group.exceptions[0] from group
            for id in ids:
                await _compare(history, id, said, chaos)
        finally:
            for id in ids:
                await _remove(history, id)
    finally:
        await db.close()
    return chaos


async def _open(target: Target, settings: Settings) -> Database:
    return await Database.open(
        target,
        pool_size=CONVERSATIONS * WRITERS,
        connect_timeout=settings.connect_timeout,
        statement_timeout=settings.statement_timeout,
        max_idle=settings.connection_max_idle,
    )


def _named(target: Target, name: str) -> Target:
    settings = {**target.connect_args.get("server_settings", {}), "application_name": name}
    return replace(target, connect_args={**target.connect_args, "server_settings": settings})


async def _collide(
    target: Target,
    settings: Settings,
    history: History,
    ids: list[str],
    seconds: float,
    chaos: Chaos,
    said: Said,
) -> None:
    ends = time.monotonic() + seconds
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_kill(target, settings, ids[0].rpartition("-")[0], ends, chaos))
        for id in ids:
            for writer in range(WRITERS):
                told = said[id, writer] = []
                tasks.create_task(_write(history, id, writer, ends, chaos, told))


async def _kill(target: Target, settings: Settings, name: str, ends: float, chaos: Chaos) -> None:
    connector = Connector(
        target,
        connect_timeout=settings.connect_timeout,
        statement_timeout=settings.statement_timeout,
        before_connect=None,
    )
    connection = await connector.open()
    try:
        stored = -1
        while time.monotonic() < ends:
            await asyncio.sleep(KILL_SECONDS)
            if chaos.stored > stored:  # else it takes longer to connect, and nothing would ever be stored
                stored = chaos.stored
                chaos.killed += len(await connection.run(_KILL, (name,)))
    except DRIVER_ERRORS as error:
        raise Unavailable("The connection that ends the others broke itself; try again.") from error
    finally:
        connection.terminate()


async def _write(history: History, id: str, writer: int, ends: float, chaos: Chaos, told: list[str]) -> None:
    number = 0
    while time.monotonic() < ends:
        text = f"{writer}/{number}"
        number += 1
        await _append(history, id, text, chaos)
        told.append(text)
        chaos.stored += 1


async def _append(history: History, id: str, text: str, chaos: Chaos) -> None:
    gives_up = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            await history.append(id, NewMessage("user", text), key=text)
        except Unavailable:
            if time.monotonic() > gives_up:
                raise
            chaos.retried += 1
        else:
            return


async def _compare(history: History, id: str, said: Said, chaos: Chaos) -> None:
    found: list[tuple[int, str]] = []
    more = True
    while more:
        after = found[-1][0] if found else 0
        page = await _insist(lambda after=after: history.list_messages(id, after=after, limit=MAX_PAGE))
        found += [(message.seq, message.text) for message in page.messages]
        # Where the last ones are lost, "more" is said for ever.
        more = page.more_after and bool(page.messages)
    times = Counter(text for _, text in found)
    chaos.misplaced += sum(seq != place for place, (seq, _) in enumerate(found, 1))
    for writer in range(WRITERS):
        told = said[id, writer]
        chaos.lost += sum(not times[text] for text in told)
        chaos.doubled += sum(times[text] > 1 for text in told)
        order = [text for _, text in found if text.startswith(f"{writer}/")]
        chaos.misplaced += sum(here != there for here, there in zip(order, told, strict=False))


async def _remove(history: History, id: str) -> None:
    try:
        await _insist(lambda: history.purge(id))
    except NotFound:
        return  # it was never made, or a purge that broke off had removed it


async def _insist(read: Callable[[], Awaitable[_T]]) -> _T:
    """Again and again: connections that were killed may still lie in the pool."""
    gives_up = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            return await read()
        except Unavailable:
            if time.monotonic() > gives_up:
                raise
