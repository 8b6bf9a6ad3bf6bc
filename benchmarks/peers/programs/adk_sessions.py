"""Google ADK's DatabaseSessionService, as its runner uses it: the session is loaded, then appended to."""

from __future__ import annotations

from google.adk.events import Event
from google.adk.sessions import DatabaseSessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai import types
from peer import Item, Peer, serve

APP = "benchmark"


def native(item: Item) -> Event:
    kind, text, call = item
    if kind == "call":
        part = types.Part(function_call=types.FunctionCall(id=call, name="f", args={}))
    elif kind == "result":
        response = types.FunctionResponse(id=call, name="f", response={"text": text})
        part = types.Part(function_response=response)
    else:
        part = types.Part(text=text)
    author = "user" if kind in ("user", "result") else "agent"
    role = "user" if author == "user" else "model"
    return Event(author=author, invocation_id="i", content=types.Content(role=role, parts=[part]))


def item(native: Event) -> Item:
    part = native.content.parts[0]
    if part.function_call:
        return ("call", "{}", part.function_call.id)
    if part.function_response:
        return ("result", part.function_response.response["text"], part.function_response.id)
    return ("user" if native.author == "user" else "assistant", part.text, "")


class Adk(Peer):
    async def open(self, url: str) -> None:
        address = url.replace("postgresql://", "postgresql+asyncpg://")
        self.service = DatabaseSessionService(db_url=address, pool_size=10, max_overflow=0)
        self.known: set[str] = set()
        await self.append("first", [("user", "x", "")])

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        if id not in self.known:
            await self.service.create_session(app_name=APP, user_id="ann", session_id=id)
            self.known.add(id)
        session = await self._session(id, "ann", 1)
        for each in items:  # there is no append of several events
            await self.service.append_event(session, native(each))

    async def last(self, id: str, count: int) -> list[Item]:
        return [item(event) for event in (await self._session(id, "ann", count)).events]

    async def whole(self, id: str) -> list[Item]:
        return [item(event) for event in (await self._session(id, "ann", None)).events]

    async def list(self, count: int) -> int:
        found = await self.service.list_sessions(app_name=APP, user_id="ann")
        return len(found.sessions[:count])  # it has no limit

    async def erase(self) -> None:
        found = await self.service.list_sessions(app_name=APP, user_id="ann")
        for session in found.sessions:
            await self.service.delete_session(APP, "ann", session.id)

    async def seen_by_other(self, id: str) -> int:
        session = await self._session(id, "ben", None)
        return 0 if session is None else len(session.events)

    async def _session(self, id: str, user: str, count: int | None):
        config = None if count is None else GetSessionConfig(num_recent_events=count)
        return await self.service.get_session(app_name=APP, user_id=user, session_id=id, config=config)


if __name__ == "__main__":
    serve(Adk())
