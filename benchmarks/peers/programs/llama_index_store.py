"""LlamaIndex's PostgresChatStore: a conversation is one row with an array of messages."""

from __future__ import annotations

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.storage.chat_store.postgres import PostgresChatStore
from peer import Item, Peer, serve
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker


def native(item: Item) -> ChatMessage:
    kind, text, call = item
    if kind == "call":
        return ChatMessage(role=MessageRole.ASSISTANT, content="", additional_kwargs={"call": call})
    if kind == "result":
        return ChatMessage(role=MessageRole.TOOL, content=text, additional_kwargs={"tool_call_id": call})
    return ChatMessage(role=kind, content=text)


def item(native: ChatMessage) -> Item:
    if native.role == MessageRole.TOOL:
        return ("result", native.content, native.additional_kwargs["tool_call_id"])
    if "call" in native.additional_kwargs:
        return ("call", "{}", native.additional_kwargs["call"])
    return (native.role.value, native.content, "")


class LlamaIndex(Peer):
    users = False

    async def open(self, url: str) -> None:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        address = url.replace("postgresql://", "postgresql+asyncpg://")
        several = create_async_engine(address, pool_size=10, max_overflow=0)
        self.store = PostgresChatStore(
            session=sessionmaker(engine), async_session=async_sessionmaker(several), table_name="chats"
        )
        await self.append("first", [("user", "x", "")])

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        for each in items:  # there is no append of several messages
            await self.store.async_add_message(id, native(each))

    async def last(self, id: str, count: int) -> list[Item]:
        return (await self.whole(id))[-count:]  # it has no limit

    async def whole(self, id: str) -> list[Item]:
        return [item(native) for native in await self.store.aget_messages(id)]

    async def window(self, id: str, count: int) -> list[Item]:
        return await self.whole(id)


if __name__ == "__main__":
    serve(LlamaIndex())
