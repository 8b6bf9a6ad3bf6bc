"""The stream of changes: each user hears of their own conversations."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from recollect.api import events
from recollect.api.app import create_api
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.identity.caller import READ, Caller
from recollect.mcp_server.feed import MOST_STREAMS
from recollect.models.message import NewMessage
from tests.api.conftest import Server, Tokens, listening, problem, user_says
from tests.importing.chatgpt_files import conversation, write
from tests.importing.conftest import import_into

ADDRESS = "/api/me/events"
FILE = {"Content-Type": "application/octet-stream"}
LIMIT = 15.0


class Stream:
    """A stream that has begun to listen."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> tuple[str, dict[str, str]]:
        """The next event: its name and data."""
        name = ""
        async with asyncio.timeout(LIMIT):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    return name, json.loads(value)
        raise AssertionError("the stream ended")

    async def end(self) -> None:
        async with asyncio.timeout(LIMIT):
            async for line in self._lines:
                assert not line.startswith("data"), line


@asynccontextmanager
async def listen(api: httpx2.AsyncClient) -> AsyncGenerator[Stream]:
    async with api.stream("GET", ADDRESS) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer.aiter_lines())
        assert await stream.next() == ("listening", {})
        yield stream


async def test_a_change_is_told_whoever_made_it(
    api: httpx2.AsyncClient, talk: str, shared_store: Recollect, user: str
) -> None:
    async with listen(api) as stream:
        await api.post(f"{talk}/messages", json=user_says("x"))
        assert await stream.next() == ("changed", {"conversation_id": "talk"})
        await api.post("/api/me/conversations", json={"id": "a/b ü"})
        assert await stream.next() == ("changed", {"conversation_id": "a/b ü"})
        # As another process would: nobody here is told of it.
        await shared_store.for_user(user).append("talk", NewMessage("user", "y"))
        assert await stream.next() == ("changed", {"conversation_id": "talk"})


async def test_an_import_is_told_although_it_keeps_the_old_times(
    api: httpx2.AsyncClient, shared_store: Recollect, user: str, tmp_path: Path
) -> None:
    old, new = [conversation("a", ["1"])], [conversation("a", ["1", "2"]), conversation("b", ["1"])]
    async with listen(api) as stream:
        sent = await api.post("/api/me/import", content=json.dumps(old), headers=FILE)
        first = json.loads(sent.text.splitlines()[0])["conversation"]["id"]
        assert await stream.next() == ("changed", {"conversation_id": first})
        # As another process would: nobody here is told of it.
        await import_into(shared_store.for_user(user), write(tmp_path / "1.json", *new))
        told = [await stream.next(), await stream.next()]
        ids = [one.id for one in (await shared_store.for_user(user).list()).conversations]
        assert sorted(data["conversation_id"] for _, data in told) == sorted(ids)
        # What changes nothing is not told, and what was told is not told again.
        await import_into(shared_store.for_user(user), tmp_path / "1.json")
        await shared_store.for_user(user).create(id="last")
        assert await stream.next() == ("changed", {"conversation_id": "last"})


async def test_nobody_hears_of_another_user_s_conversations(
    server: Server, user: str, api: httpx2.AsyncClient, talk: str
) -> None:
    async with server.client(server.tokens.give(f"{user}-other")) as other:
        await other.post("/api/me/conversations", json={"id": "mine"})
        async with listen(other) as stream:
            await api.post(f"{talk}/messages", json=user_says("x"))
            await other.patch("/api/me/conversations/mine", json={"title": "t"})
            assert await stream.next() == ("changed", {"conversation_id": "mine"})


async def test_a_stream_ends_with_its_token(server: Server, user: str) -> None:
    token = server.tokens.keep(Caller(user, frozenset((READ,)), "tests", time.time() + 1))
    async with server.client(token) as client, listen(client) as stream:
        await stream.end()


async def test_more_streams_than_a_user_may_have_are_refused(api: httpx2.AsyncClient) -> None:
    streams = [listen(api) for _ in range(MOST_STREAMS)]
    for stream in streams:
        await stream.__aenter__()
    refused = problem(await api.get(ADDRESS), 429, "too-many-requests")
    assert "streams" in refused["detail"]
    await streams[0].__aexit__(None, None, None)
    async with asyncio.timeout(LIMIT):
        while True:
            async with api.stream("GET", ADDRESS) as answer:
                if answer.status_code == 200:
                    break
            await asyncio.sleep(0.05)
    for stream in streams[1:]:
        await stream.__aexit__(None, None, None)


async def test_a_listener_who_takes_nothing_is_hung_up_on(
    shared_store: Recollect, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STALL_SECONDS", 0.2)
    ended = asyncio.Event()

    async def reach(user_id: str) -> History:
        return shared_store.for_user(user_id)

    async def endless(_caller: Caller) -> AsyncGenerator[str | None]:
        try:
            yield None
            while True:
                await asyncio.sleep(0)  # others may run
                yield "x" * 10_000
        finally:
            ended.set()

    tokens = Tokens()
    async with listening(create_api(reach, tokens, endless)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(
            f"GET {ADDRESS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tokens.give(user)}\r\n\r\n".encode()
        )
        try:
            async with asyncio.timeout(LIMIT):
                await ended.wait()
        finally:
            writer.transport.abort()
        del reader
