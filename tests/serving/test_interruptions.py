"""Clients that go away or take back what they asked, locks that last, and more callers than connections:
every one is told in time, nothing is stored in halves, and the next request is served."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import AsyncGenerator
from contextlib import closing
from typing import Any

import asyncpg
import pytest

from tests.mcp_server.http_process import HEADERS, Answer, HttpProcess, request, text, tool_call
from tests.serving.conftest import Start, rest, says

MESSAGES = "/me/conversations/talk/messages"
LIMIT = 20.0


class Lock:
    """Somebody who holds the conversation's row."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection

    async def hold(self) -> None:
        await self._connection.execute("BEGIN")
        await self._connection.execute("SELECT FROM recollect.conversation WHERE id = 'talk' FOR UPDATE")

    async def awaited(self) -> None:
        """Return when somebody waits for it."""
        deadline = time.monotonic() + LIMIT
        while not await self._connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < deadline

    async def release(self) -> None:
        await self._connection.execute("ROLLBACK")


@pytest.fixture
async def lock(database_url: str) -> AsyncGenerator[Lock]:
    connection = await asyncpg.connect(database_url)
    yield Lock(connection)
    await connection.close()


def append(key: str, content: str = "x") -> bytes:
    return tool_call("append_message", conversation_id="talk", role="user", content=content, key=key)


def sent(server: HttpProcess, path: str, body: bytes, **headers: str) -> http.client.HTTPConnection:
    """A request that was sent and whose answer nobody reads."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, body, HEADERS | named)
    return connection


async def test_a_client_that_goes_away_while_it_waits_leaves_a_whole_append_or_none(
    serve: Start, lock: Lock
) -> None:
    server = serve()
    server.send(tool_call("create_conversation", conversation_id="talk"))
    for number in range(3):
        await lock.hold()
        over_mcp = sent(server, "/mcp", append(f"mcp-{number}"))
        body = json.dumps(says("x")).encode()
        over_rest = sent(server, f"/api{MESSAGES}", body, Idempotency_Key=f"rest-{number}")
        await lock.awaited()
        over_mcp.close()
        over_rest.close()
        await lock.release()
    heads: list[int] = []
    for number in range(3):  # whether they landed or not, each lands once
        heads.append(server.send(append(f"mcp-{number}")).json["result"]["structuredContent"]["last_seq"])
        again = rest(server, "POST", MESSAGES, says("x"), Idempotency_Key=f"rest-{number}")
        heads.append(again.json["last_seq"])
    assert sorted(heads) == list(range(1, 7))
    assert rest(server, "GET", "/me/conversations/talk").json["message_count"] == 6
    assert "Traceback" not in server.log()


async def test_taking_back_a_request_is_heard_and_harms_nobody(serve: Start, lock: Lock) -> None:
    """Streamable HTTP keeps no sessions: a cancellation that comes as a request of its own knows of none."""
    server = serve()
    server.send(tool_call("create_conversation", conversation_id="talk"))
    await lock.hold()
    waiting = asyncio.get_running_loop().run_in_executor(None, server.send, append("k"))
    await lock.awaited()
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    answered = await asyncio.to_thread(server.send, json.dumps(cancel).encode())
    assert answered.status == 202
    await lock.release()
    assert (await waiting).json["result"]["structuredContent"]["head"] == 1


async def test_streams_that_are_cut_free_their_places(serve: Start) -> None:
    server = serve()
    for _ in range(40):  # more than one user may have at once
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as stream:
            await asyncio.to_thread(listen, stream)
    assert (await asyncio.to_thread(server.send, request("tools/list"))).status == 200


def listen(stream: http.client.HTTPConnection) -> None:
    """Ask until there is a place: that a stream was cut is noticed a moment later."""
    deadline = time.monotonic() + LIMIT
    while True:
        stream.request("GET", "/api/me/events")
        with stream.getresponse() as answer:
            if answer.status == 200:
                assert answer.readline() == b"retry: 2000\n"
                return
            assert answer.status == 429
            answer.read()
        assert time.monotonic() < deadline


async def test_a_lock_that_lasts_and_a_pool_that_is_used_up_are_told_in_time_and_pass(
    serve: Start, lock: Lock
) -> None:
    server = serve(RECOLLECT_POOL_SIZE="1", RECOLLECT_STATEMENT_TIMEOUT="1")
    server.send(tool_call("create_conversation", conversation_id="talk"))
    await lock.hold()
    began = time.monotonic()

    async def ask(number: int) -> Answer:
        if number % 2:
            return await asyncio.to_thread(server.send, append(f"k{number}"))
        key = f"k{number}"
        return await asyncio.to_thread(rest, server, "POST", MESSAGES, says("x"), Idempotency_Key=key)

    answers = await asyncio.gather(*(ask(number) for number in range(6)))
    assert time.monotonic() - began < LIMIT
    for answer in answers:
        assert told(answer), answer
    await lock.release()
    done = await asyncio.gather(*(ask(number) for number in range(6)))
    assert [answer.status for answer in done if told(answer)] == []
    count = await asyncio.to_thread(rest, server, "GET", "/me/conversations/talk")
    assert count.json["message_count"] == 6
    assert "x" in text(
        await asyncio.to_thread(server.send, tool_call("load_context", conversation_id="talk"))
    )


def told(answer: Answer) -> bool:
    """Whether this says that the database cannot do it now, which is all that may go wrong."""
    said: Any = answer.json
    if "result" in said:
        if said["result"].get("isError") is not True:
            return False
        assert "Nothing was changed" in said["result"]["content"][0]["text"], said
        return True
    if answer.status in (200, 201):
        return False
    assert (answer.status, said["type"]) == (503, "urn:recollect:problem:unavailable"), said
    assert answer.headers["retry-after"]
    return True
