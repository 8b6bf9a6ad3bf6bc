"""LangGraph's checkpoints in PostgreSQL: messages are a channel of a graph's state."""

from __future__ import annotations

from langchain_core.messages import BaseMessage
from langchain_messages import item, native
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from peer import Item, Peer, serve
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool


class LangGraph(Peer):
    users = False

    async def open(self, url: str) -> None:
        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        self.pool = AsyncConnectionPool(url, min_size=1, max_size=10, open=False, kwargs=options)
        await self.pool.open()
        saver = AsyncPostgresSaver(self.pool)
        await saver.setup()
        graph = StateGraph(MessagesState)
        graph.add_node("chat", lambda state: {})
        graph.add_edge(START, "chat")
        graph.add_edge("chat", END)
        self.graph = graph.compile(checkpointer=saver)

    def _config(self, id: str) -> dict:
        return {"configurable": {"thread_id": id}}

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        messages = [native(item) for item in items]
        await self.graph.aupdate_state(self._config(id), {"messages": messages}, as_node="chat")

    async def last(self, id: str, count: int) -> list[Item]:
        return (await self.whole(id))[-count:]  # the state is read as a whole

    async def whole(self, id: str) -> list[Item]:
        state = await self.graph.aget_state(self._config(id))
        messages: list[BaseMessage] = state.values.get("messages", [])
        return [item(message) for message in messages]

    async def window(self, id: str, count: int) -> list[Item]:
        return await self.whole(id)


if __name__ == "__main__":
    serve(LangGraph())
