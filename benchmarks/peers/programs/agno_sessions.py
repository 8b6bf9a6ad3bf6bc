"""agno's AsyncPostgresDb: each append is a run of a session, stored by its own id."""

from __future__ import annotations

import time
import uuid

from agno.db.base import SessionType
from agno.db.postgres import AsyncPostgresDb
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.session import AgentSession
from peer import Item, Peer, serve
from sqlalchemy.ext.asyncio import create_async_engine

AGENT = "benchmark"


def native(item: Item) -> Message:
    kind, text, call = item
    if kind == "call":
        function = {"name": "f", "arguments": text}
        return Message(role="assistant", tool_calls=[{"id": call, "type": "function", "function": function}])
    if kind == "result":
        return Message(role="tool", content=text, tool_call_id=call)
    return Message(role=kind, content=text)


def item(native: Message) -> Item:
    if native.role == "tool":
        return ("result", native.content, native.tool_call_id)
    if native.tool_calls:
        return ("call", native.tool_calls[0]["function"]["arguments"], native.tool_calls[0]["id"])
    return (native.role, native.content, "")


class Agno(Peer):
    keyed = True  # a run has an id of the caller's

    async def open(self, url: str) -> None:
        address = url.replace("postgresql://", "postgresql+psycopg://")
        engine = create_async_engine(address, pool_size=10, max_overflow=0)
        self.db = AsyncPostgresDb(db_engine=engine)
        self.known: set[str] = set()
        await self.append("first", [("user", "x", "")])

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        if id not in self.known:
            begun = AgentSession(session_id=id, agent_id=AGENT, user_id="ann", created_at=int(time.time()))
            if await self.db.upsert_session(begun) is None:  # it logs what went wrong, and goes on
                raise RuntimeError("the session was not stored")
            self.known.add(id)
        run = RunOutput(
            run_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{id} {key}")) if key else str(uuid.uuid4()),
            agent_id=AGENT,
            session_id=id,
            user_id="ann",
            messages=[native(item) for item in items],
            status=RunStatus.completed,
        )
        await self.db.upsert_run(run, session_id=id, user_id="ann")

    async def last(self, id: str, count: int) -> list[Item]:
        session = await self.db.get_session(id, SessionType.AGENT, user_id="ann", runs_limit=count)
        return [item(native) for native in session.get_messages(limit=count)]

    async def whole(self, id: str) -> list[Item]:
        session = await self.db.get_session(id, SessionType.AGENT, user_id="ann")
        return [item(native) for native in session.get_messages()]

    async def list(self, count: int) -> int:
        found = await self.db.get_sessions(
            SessionType.AGENT,
            user_id="ann",
            limit=count,
            sort_by="updated_at",
            sort_order="desc",
            include_runs=False,
        )
        return len(found)

    async def erase(self) -> None:
        found = await self.db.get_sessions(SessionType.AGENT, user_id="ann", include_runs=False)
        await self.db.delete_sessions([session.session_id for session in found], user_id="ann")

    async def seen_by_other(self, id: str) -> int:
        session = await self.db.get_session(id, SessionType.AGENT, user_id="ben")
        return 0 if session is None else len(session.get_messages())


if __name__ == "__main__":
    serve(Agno())
