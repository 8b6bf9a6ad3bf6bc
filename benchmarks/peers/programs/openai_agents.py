"""The OpenAI Agents SDK's SQLAlchemySession."""

from __future__ import annotations

from agents.extensions.memory import SQLAlchemySession
from peer import Item, Peer, serve
from sqlalchemy.ext.asyncio import create_async_engine


def native(item: Item) -> dict:
    kind, text, call = item
    if kind == "call":
        return {"type": "function_call", "call_id": call, "name": "f", "arguments": text}
    if kind == "result":
        return {"type": "function_call_output", "call_id": call, "output": text}
    return {"role": kind, "content": text}


def item(native: dict) -> Item:
    if native.get("type") == "function_call":
        return ("call", native["arguments"], native["call_id"])
    if native.get("type") == "function_call_output":
        return ("result", native["output"], native["call_id"])
    return (native["role"], native["content"], "")


class Agents(Peer):
    users = False

    async def open(self, url: str) -> None:
        self.engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=10, max_overflow=0
        )
        await self._session("first", create=True).add_items([{"role": "user", "content": "x"}])

    def _session(self, id: str, *, create: bool = False) -> SQLAlchemySession:
        return SQLAlchemySession(id, engine=self.engine, create_tables=create)

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        await self._session(id).add_items([native(item) for item in items])

    async def last(self, id: str, count: int) -> list[Item]:
        return [item(native) for native in await self._session(id).get_items(limit=count)]

    async def whole(self, id: str) -> list[Item]:
        return [item(native) for native in await self._session(id).get_items()]


if __name__ == "__main__":
    serve(Agents())
