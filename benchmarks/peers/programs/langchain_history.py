"""LangChain's PostgresChatMessageHistory, with a pool of connections to lend it."""

from __future__ import annotations

import uuid

from langchain_messages import item, native
from langchain_postgres import PostgresChatMessageHistory
from peer import Item, Peer, serve
from psycopg_pool import AsyncConnectionPool

TABLE = "chat_history"


class LangChain(Peer):
    users = False

    async def open(self, url: str) -> None:
        self.pool = AsyncConnectionPool(url, min_size=1, max_size=10, open=False)
        await self.pool.open()
        async with self.pool.connection() as connection:
            await PostgresChatMessageHistory.acreate_tables(connection, TABLE)

    def _history(self, id: str, connection: object) -> PostgresChatMessageHistory:
        session = str(uuid.uuid5(uuid.NAMESPACE_OID, id))
        return PostgresChatMessageHistory(TABLE, session, async_connection=connection)

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        async with self.pool.connection() as connection:
            await self._history(id, connection).aadd_messages([native(item) for item in items])

    async def last(self, id: str, count: int) -> list[Item]:
        return (await self.whole(id))[-count:]  # it has no limit

    async def whole(self, id: str) -> list[Item]:
        async with self.pool.connection() as connection:
            return [item(native) for native in await self._history(id, connection).aget_messages()]

    async def window(self, id: str, count: int) -> list[Item]:
        return await self.whole(id)


if __name__ == "__main__":
    serve(LangChain())
