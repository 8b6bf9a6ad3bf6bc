"""What one task of a client does: append, take turns, read, try again, and write all of it down."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from faults.doors import Broken, Door, Hidden, Landed, Moved, Seen, TryAgain, Unknown
from faults.records import now, tell

Answer = TypeVar("Answer")

PATIENCE = 120.0
"""Seconds after which a call that never works out is a complaint."""

LIMIT = 40
"""Messages of one read."""


@dataclass(slots=True)
class Writer:
    """One task.

    name:      unique in the run; all its texts begin with it.
    ids:       the user's conversations; the last one, which ends in -branches, is branched.
    foreign:   a conversation of somebody else.
    plain:     only appends, as the version before could do.
    """

    door: Door
    name: str
    user: str
    ids: list[str]
    foreign: str
    plain: bool
    chance: random.Random
    heads: dict[str, int] = field(default_factory=dict[str, int])
    seen: dict[str, int] = field(default_factory=dict[str, int])
    number: int = 0

    async def work(self, stopped: Callable[[], bool]) -> None:
        while not stopped():
            try:
                await self._step()
            except Broken as error:
                tell("broken", why=str(error))

    async def _step(self) -> None:
        *straight, branches = self.ids
        # Half of all goes to the first conversation: there everybody meets.
        id = straight[0] if self.chance.random() < 0.5 else self.chance.choice(straight)
        dice = self.chance.random()
        if self.plain or dice < 0.55:
            await self._append(id)
        elif dice < 0.65:
            await self._append(id, head=self.heads.get(id, 0))
        elif dice < 0.72:
            await self._append(branches, head=self.heads.get(branches, 0), branch=True)
        elif dice < 0.80:
            await self._append_without_key(id)
        elif dice < 0.90:
            await self._turn(id)
        elif dice < 0.91:
            await self._turn(None)
        elif dice < 0.92:
            await self._look_at_foreign()
        else:
            await self._look(id)

    def _new(self, id: str | None, parts: int, *, keyed: bool) -> tuple[str, list[str]]:
        name = f"{self.name}.{self.number}"
        self.number += 1
        texts = [f"{name}/{part}" for part in range(parts)]
        tell("try", user=self.user, id=id, name=name, texts=texts, key=name if keyed else None)
        return name, texts

    async def _append(self, id: str, head: int | None = None, *, branch: bool = False) -> None:
        name, texts = self._new(id, self.chance.randint(1, 4), keyed=True)

        async def send() -> Landed:
            return await self.door.append(self.user, id, texts, name, head, branch=branch)

        while True:
            try:
                done, attempts = await self._until_done(send)
            except Moved as error:
                self.heads[id] = head = error.head
                if self.chance.random() < 0.5:
                    tell("refused", name=name)
                    return
            else:
                break
        self._acknowledged(name, done, attempts)
        if self.chance.random() < 0.1:
            try:
                done, _ = await self._until_done(send)
            except Moved as error:
                raise Broken(f"{name} was acknowledged, and refused when it was sent again") from error
            self._again(name, done)

    async def _append_without_key(self, id: str) -> None:
        name, texts = self._new(id, self.chance.randint(1, 2), keyed=False)
        try:
            done = await self.door.append(self.user, id, texts, None, None, branch=False)
        except Unknown:
            tell("unknown", name=name)
        except TryAgain:
            tell("refused", name=name)
        else:
            self._acknowledged(name, done, 1)

    async def _turn(self, id: str | None) -> None:
        name, texts = self._new(id, 1, keyed=True)

        async def send() -> tuple[Landed, Seen]:
            return await self.door.turn(self.user, id, texts[0], name)

        since = now()
        (done, window), attempts = await self._until_done(send)
        self._acknowledged(name, done, attempts)
        self._read(done.id, since, window, len(window.run))
        if self.chance.random() < 0.1:
            (done, _), _ = await self._until_done(send)
            self._again(name, done)

    async def _look(self, id: str) -> None:
        after, since = self.seen.get(id, 0), now()
        try:
            found = await self.door.look(self.user, id, after, LIMIT)
        except TryAgain:
            return
        self._read(id, since, found, LIMIT)
        # Most of the log is never looked at: what is new is where things go wrong.
        self.seen[id] = max(after + len(found.run), found.last - 3 * LIMIT)

    async def _look_at_foreign(self) -> None:
        try:
            await self.door.look(self.user, self.foreign, 0, LIMIT)
        except Hidden:
            tell("hidden", user=self.user, id=self.foreign)
        except TryAgain:
            return
        else:
            tell("leaked", user=self.user, id=self.foreign)

    async def _until_done(self, send: Callable[[], Awaitable[Answer]]) -> tuple[Answer, int]:
        """What an agent does: the same call again, under the same key, until it works out."""
        attempts, deadline = 0, time.monotonic() + PATIENCE
        while True:
            attempts += 1
            try:
                return await send(), attempts
            except TryAgain as error:
                if time.monotonic() > deadline:
                    raise Broken(f"{attempts} attempts in vain: {error!r}") from error
                await anyio.sleep(min(0.02 * attempts, 0.5))

    def _acknowledged(self, name: str, done: Landed, attempts: int) -> None:
        self.heads[done.id] = done.last
        tell("ack", name=name, id=done.id, first=done.first, last=done.last, attempts=attempts)

    def _again(self, name: str, done: Landed) -> None:
        tell("again", name=name, id=done.id, first=done.first, last=done.last, replayed=done.replayed)

    def _read(self, id: str, since: int, found: Seen, limit: int) -> None:
        tell(
            "read",
            user=self.user,
            id=id,
            since=since,
            after=found.after,
            limit=limit,
            run=found.run,
            last=found.last,
        )
