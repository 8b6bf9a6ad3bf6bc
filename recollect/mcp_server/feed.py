"""Who listens, and what changed: each user hears of their own conversations and of nothing else.

The database is the truth: who listens is looked after every two seconds, whichever process wrote,
and what changed since the last look is told. Hints (an append in this process, a notification from
another) only make that look happen at once. But what an import brought keeps the times it had elsewhere,
which no look finds: the import itself says which conversations it changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent

from recollect.db import conversations, notifications
from recollect.db.database import Database
from recollect.mcp_server.resources import CONVERSATIONS, uri_of
from recollect.models.errors import RecollectError, TooManyRequests

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0

OVERLAP_SECONDS = 45.0
"""How far back a look goes. A change shows the time its statement began, and may have waited for a
lock until the statement's time limit before anybody could see it."""

MOST_CHANGES = 500
"""Most conversations of one user that one look tells of."""

MOST_STREAMS = 16
"""Streams one user may have open in one process."""

MOST_BROUGHT = 400
"""Most conversations of an import that one look tells of; the next look follows at once."""

BEGIN_SECONDS = 2.0
"""How long a stream waits until imports of other processes can be heard of, before it begins all the same."""

TELL_SECONDS = 0.1
"""How long hints for other processes are collected."""

RETRY_SECONDS = 5.0

Listener = Callable[[ServerEvent], None]


@dataclass(slots=True)
class _User:
    """Somebody who listens. seen: what the last look found; looked: when, by the loop's clock; brought: marks
    of conversations that an import changed, until a look."""

    listeners: dict[object, Listener] = field(default_factory=dict[object, Listener])
    streams: int = 0
    seen: dict[str, datetime] = field(default_factory=dict[str, datetime])
    looked: float = 0.0
    brought: set[str] = field(default_factory=set[str])


class Feed:
    """The subscriptions of one process (the SDK's `SubscriptionBus`).

    identity:  gives the user of the present request.
    database:  gives the database, once it is open.
    """

    def __init__(self, identity: Callable[[], str], database: Callable[[], Awaitable[Database]]) -> None:
        self._identity = identity
        self._database = database
        self._users: dict[str, _User] = {}
        self._hinted: set[str] = set()
        self._untold: set[str] = set()
        self._look = asyncio.Event()
        self._tell = asyncio.Event()
        self._listens = asyncio.Event()
        self._hears = asyncio.Event()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Register a stream of the present request's user."""
        return self.subscribe_as(self._identity(), listener)

    def subscribe_as(self, name: str, listener: Listener) -> Callable[[], None]:
        """Register a stream of a user, inside of `joined`."""
        user = self._users[name]
        token = object()
        user.listeners[token] = listener
        return lambda: user.listeners.pop(token, None) and None

    async def publish(self, event: ServerEvent) -> None:
        """Tell what a tool has to say to its caller's own streams."""
        self._tell_user(self._identity(), [event])

    def wrote(self, user_id: str) -> None:
        """Hint that something of this user's was written here just now."""
        self._untold.add(user_id)
        self._tell.set()
        if user_id in self._users:
            self._hint(user_id)

    @asynccontextmanager
    async def joined(self, name: str | None = None) -> AsyncGenerator[None]:
        """Around a stream of a user; default: the present request's. What happens from here on is told.

        Raises: TooManyRequests, Unavailable, NotReady.
        """
        name = self._identity() if name is None else name
        user = self._users.setdefault(name, _User())
        if user.streams >= MOST_STREAMS:
            raise TooManyRequests("too many streams were opened", round(LOOK_SECONDS))
        user.streams += 1
        try:
            if user.streams == 1:
                await self._find_changes(name, user)
                self._listens.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEGIN_SECONDS):
                    await self._hears.wait()
            yield
        finally:
            user.streams -= 1
            if not user.streams:
                del self._users[name]
                if not self._users:
                    self._listens.clear()

    async def run(self) -> None:
        """Look after those who listen, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            tasks.create_task(self._keep_hearing())
            tasks.create_task(self._keep_telling())

    async def _keep_looking(self) -> None:
        while True:
            await self._listens.wait()
            loop = asyncio.get_running_loop()
            hinted, self._hinted = self._hinted, set()
            self._look.clear()
            for name, user in list(self._users.items()):
                if name in hinted or loop.time() - user.looked >= LOOK_SECONDS:
                    await self._look_after(name, user)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def _look_after(self, name: str, user: _User) -> None:
        try:
            changed = await self._find_changes(name, user)
        except RecollectError as error:
            logger.warning("changes could not be looked for: %s", error)
            return
        if changed:
            events: list[ServerEvent] = [ResourceUpdated(uri=uri_of(id)) for id in reversed(changed)]
            self._tell_user(name, [*events, ResourceUpdated(uri=CONVERSATIONS), ResourcesListChanged()])

    async def _find_changes(self, name: str, user: _User) -> list[str]:
        """The conversations that changed since the last look, the latest first."""
        brought = list(itertools.islice(user.brought, MOST_BROUGHT))
        now = asyncio.get_running_loop().time()
        since = OVERLAP_SECONDS + (now - user.looked if user.looked else 0.0)
        user.looked = now
        async with (await self._database()).read(name) as tx:
            found = await conversations.changed(tx, name, since, MOST_CHANGES)
            imported = await notifications.marked(tx, name, brought) if brought else {}
        changed = [id for id, at in found.items() if user.seen.get(id) != at and id not in imported]
        user.seen = found | imported
        user.brought.difference_update(brought)
        if user.brought:
            self._hint(name)
        return [*changed, *imported]

    async def _keep_hearing(self) -> None:
        """Listen for other processes' hints, while there is somebody for whom they matter."""
        while True:
            await self._listens.wait()
            try:
                await notifications.hear(await self._database(), self._heard, self._hears.set)
            except RecollectError as error:
                logger.warning("other processes cannot be heard: %s", error)
            else:
                self._hears.set()
                return  # nothing can be heard through the pooler in between; looking has to do
            self._hears.clear()
            await asyncio.sleep(RETRY_SECONDS)

    def _heard(self, mark: str, brought: Sequence[str]) -> None:
        for name, user in self._users.items():
            if notifications.mark(name) == mark:
                user.brought.update(brought)
                self._hint(name)

    async def _keep_telling(self) -> None:
        """Hint to other processes what was written here: at most ten times a second, all at once."""
        while True:
            await self._tell.wait()
            await asyncio.sleep(TELL_SECONDS)
            self._tell.clear()
            untold, self._untold = self._untold, set()
            try:
                await notifications.tell(await self._database(), map(notifications.mark, untold))
            except RecollectError as error:
                logger.warning("other processes could not be told: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    def _hint(self, name: str) -> None:
        self._hinted.add(name)
        self._look.set()

    def _tell_user(self, name: str, events: list[ServerEvent]) -> None:
        user = self._users.get(name)
        for listener in list(user.listeners.values()) if user else ():
            for event in events:
                listener(event)
