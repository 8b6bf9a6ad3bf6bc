"""Recollect, by its Python library."""

from __future__ import annotations

import itertools

from peer import Item, Peer, serve

from recollect.history.store import Recollect
from recollect.models.errors import NotFound
from recollect.models.message import NewMessage
from recollect.settings import Settings


def message(item: Item) -> NewMessage:
    kind, text, call = item
    if kind == "call":
        return NewMessage("assistant", [{"type": "tool_call", "id": call, "name": "f", "arguments": {}}])
    if kind == "result":
        return NewMessage("tool", [{"type": "tool_result", "call_id": call, "content": text}])
    return NewMessage(kind, text)


def item(part: dict, role: str) -> Item:
    if part["type"] == "tool_call":
        return ("call", "{}", part["id"])
    if part["type"] == "tool_result":
        return ("result", part["content"], part["call_id"])
    return (role, part["text"], "")


class Library(Peer):
    keyed = True

    async def open(self, url: str) -> None:
        settings = Settings.model_validate({"database_url": url, "pool_size": 10})
        self._opened = Recollect.open(settings)
        self._store = await self._opened.__aenter__()
        self._history = self._store.for_user("ann")

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        new = [message(item) for item in items]
        try:
            await self._history.append(id, new, key=key)
        except NotFound:
            await self._history.create(id=id)
            await self._history.append(id, new, key=key)

    async def last(self, id: str, count: int) -> list[Item]:
        page = await self._history.list_messages(id, limit=count)
        return [item(part, message.role) for message in page.messages for part in message.parts]

    async def whole(self, id: str) -> list[Item]:
        found: list[Item] = []
        after = 0
        while True:
            page = await self._history.list_messages(id, after=after, limit=500)
            found += [item(part, message.role) for message in page.messages for part in message.parts]
            if not page.more_after:
                return found
            after = page.messages[-1].seq

    async def window(self, id: str, count: int) -> list[Item]:
        return await self.context(id, count * 100)

    async def context(self, id: str, tokens: int) -> list[Item]:
        window = await self._history.context(id, max_tokens=tokens, format="openai")
        return list(itertools.chain.from_iterable(map(_openai, window.messages)))

    async def list(self, count: int) -> int:
        return len((await self._history.list(limit=count)).conversations)

    async def erase(self) -> None:
        await self._history.erase_user()

    async def seen_by_other(self, id: str) -> int:
        try:
            return len((await self._store.for_user("ben").list_messages(id)).messages)
        except NotFound:
            return 0


def _openai(message: dict) -> list[Item]:
    if message["role"] == "tool":
        return [("result", message["content"], message["tool_call_id"])]
    items = [(message["role"], message["content"], "")] if message.get("content") else []
    return items + [("call", "{}", call["id"]) for call in message.get("tool_calls", ())]


if __name__ == "__main__":
    serve(Library())
