"""Chainlit's SQLAlchemyDataLayer; its tables are made by whoever uses it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import chainlit
from chainlit.context import init_http_context
from chainlit.data.sql_alchemy import SQLAlchemyDataLayer
from chainlit.types import Pagination, ThreadFilter
from peer import Item, Peer, serve
from sqlalchemy import text

SCHEMA = """
CREATE TABLE users ("id" uuid PRIMARY KEY, "identifier" text NOT NULL UNIQUE, "metadata" jsonb NOT NULL,
    "createdAt" text);
CREATE TABLE threads ("id" uuid PRIMARY KEY, "createdAt" text, "name" text,
    "userId" uuid REFERENCES users ("id") ON DELETE CASCADE, "userIdentifier" text, "tags" text[],
    "metadata" jsonb);
CREATE TABLE steps ("id" uuid PRIMARY KEY, "name" text NOT NULL, "type" text NOT NULL,
    "threadId" uuid NOT NULL REFERENCES threads ("id") ON DELETE CASCADE, "parentId" uuid,
    "streaming" boolean NOT NULL, "waitForAnswer" boolean, "isError" boolean, "metadata" jsonb,
    "tags" text[], "input" text, "output" text, "createdAt" text, "command" text, "modes" jsonb,
    "start" text, "end" text, "generation" jsonb, "showInput" text, "language" text, "indent" integer,
    "defaultOpen" boolean, "autoCollapse" boolean, "icon" text);
CREATE TABLE elements ("id" uuid PRIMARY KEY,
    "threadId" uuid REFERENCES threads ("id") ON DELETE CASCADE, "type" text, "url" text,
    "chainlitKey" text, "name" text NOT NULL, "display" text, "objectKey" text, "size" text,
    "page" integer, "language" text, "forId" uuid, "mime" text, "props" jsonb, "autoPlay" boolean,
    "playerConfig" jsonb);
CREATE TABLE feedbacks ("id" uuid PRIMARY KEY, "forId" uuid NOT NULL,
    "threadId" uuid NOT NULL REFERENCES threads ("id") ON DELETE CASCADE, "value" integer NOT NULL,
    "comment" text);
CREATE INDEX ON steps ("threadId");
CREATE INDEX ON threads ("userId")
"""


def thread(id: str) -> str:
    """Its ids are UUIDs."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, id))


class Chainlit(Peer):
    keyed = True  # a step has an id of the caller's

    async def open(self, url: str) -> None:
        init_http_context()
        self.layer = SQLAlchemyDataLayer(url.replace("postgresql://", "postgresql+asyncpg://"))
        async with self.layer.engine.begin() as connection:
            for statement in SCHEMA.split(";"):
                await connection.execute(text(statement))
        self.user = (await self.layer.create_user(chainlit.User(identifier="ann"))).id
        self.known: set[str] = set()
        await self.append("first", [("user", "x", "")])
        if len(await self.whole("first")) != 1:
            raise RuntimeError("what was appended is not there")

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        if id not in self.known:
            await self.layer.update_thread(thread(id), user_id=self.user)
            self.known.add(id)
        for place, (kind, words, call) in enumerate(items):  # there is no append of several steps
            await self.layer.create_step(
                {
                    "id": thread(f"{id} {key} {place}") if key else str(uuid.uuid4()),
                    "threadId": thread(id),
                    "name": call or kind,
                    "type": {"user": "user_message", "assistant": "assistant_message"}.get(kind, "tool"),
                    "tags": [kind],
                    "streaming": False,
                    "input": "",
                    "output": words,
                    "createdAt": datetime.now(UTC).isoformat(),
                    "showInput": "false",
                }
            )

    async def last(self, id: str, count: int) -> list[Item]:
        return (await self.whole(id))[-count:]  # it has no limit

    async def whole(self, id: str) -> list[Item]:
        found = await self.layer.get_thread(thread(id))
        return [
            (step["tags"][0], step["output"], step["name"] if step["type"] == "tool" else "")
            for step in found["steps"]
        ]

    async def window(self, id: str, count: int) -> list[Item]:
        return await self.whole(id)

    async def list(self, count: int) -> int:
        page = await self.layer.list_threads(Pagination(first=count), ThreadFilter(userId=self.user))
        return len(page.data)

    async def erase(self) -> None:
        while True:
            page = await self.layer.list_threads(Pagination(first=500), ThreadFilter(userId=self.user))
            if not page.data:
                return
            for found in page.data:
                await self.layer.delete_thread(found["id"])

    async def seen_by_other(self, id: str) -> int:
        # Its interface asks for a thread by its id alone; who owns it is for the caller to compare.
        return len(await self.whole(id))


if __name__ == "__main__":
    serve(Chainlit())
