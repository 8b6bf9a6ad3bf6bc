"""More than the server can do, and clients that go away: an answer in time, and the next one works."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import asyncpg
import httpx2
import pytest

from recollect.api.app import create_api
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.identity.limits import Limits
from recollect.settings import Settings
from tests.api.conftest import Server, Tokens, listening, problem, user_says
from tests.api.surface import never

TALK = "/api/me/conversations/talk"


@pytest.fixture(scope="module")
async def narrow(shared_url: str) -> AsyncGenerator[Server]:
    """A server with one connection, and little patience."""
    settings = Settings.model_validate(
        {
            "database_url": shared_url,
            "pool_size": 1,
            "statement_timeout": 1,
        }
    )
    tokens = Tokens()
    async with Recollect.open(settings) as store:

        async def reach(user_id: str) -> History:
            return store.for_user(user_id)

        async with listening(create_api(reach, tokens, never)) as port:
            yield Server(port, tokens)


@pytest.fixture
async def locked(shared_url: str, user: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    """Somebody who can hold the lock of a conversation."""
    connection = await asyncpg.connect(shared_url, statement_cache_size=0)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_a_lock_and_a_busy_pool_are_told_in_time_and_pass(
    narrow: Server, user: str, locked: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with narrow.client(narrow.tokens.give(user)) as client:
        await client.post("/api/me/conversations", json={"id": "talk"})
        await locked.execute(
            "SELECT FROM recollect.conversation WHERE user_id = $1 AND id = 'talk' FOR UPDATE", user
        )
        async with asyncio.timeout(10):
            append = asyncio.create_task(
                client.post(f"{TALK}/messages", json=user_says("x"), headers={"Idempotency-Key": "k"})
            )
            # The only connection waits for the lock; a reader waits for the connection.
            for _ in range(500):
                if await locked.fetchval(
                    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"
                ):
                    break
                await asyncio.sleep(0.01)
            reads = await asyncio.gather(*(client.get(TALK) for _ in range(3)))
            refused = await append
        assert problem(refused, 503, "unavailable")["detail"].endswith("Nothing was changed.")
        assert refused.headers["retry-after"] == "2"
        for answer in reads:
            assert answer.status_code == 200 or problem(answer, 503, "unavailable")
        await locked.execute("ROLLBACK")
        done = await client.post(f"{TALK}/messages", json=user_says("x"), headers={"Idempotency-Key": "k"})
        assert (done.status_code, done.json()["last_seq"]) == (201, 1)


@pytest.mark.parametrize("sent", [0, 10, 60])
async def test_a_client_that_goes_away_while_it_sends_stores_nothing(
    server: Server,
    user: str,
    sent: int,
    api: httpx2.AsyncClient,
    talk: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = json.dumps(user_says("a text that is cut somewhere on its way")).encode()
    token = server.tokens.give(user)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"POST {talk}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    writer.write(body[:sent])
    await writer.drain()
    writer.close()
    await reader.read()
    assert (await api.get(talk)).json()["message_count"] == 0
    assert (
        await api.post(f"{talk}/messages", content=body, headers={"Content-Type": "application/json"})
    ).json()["last_seq"] == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]  # it is no defect


async def test_clients_that_do_not_wait_for_the_answer_leave_whole_appends(
    server: Server, user: str, api: httpx2.AsyncClient, talk: str
) -> None:
    """Each append lands whole or not at all, whenever its client went."""
    body = json.dumps(user_says(*map(str, range(20)))).encode()
    token = server.tokens.give(user)
    for _ in range(10):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"POST {talk}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.transport.abort()
    await api.post(f"{talk}/messages", json=user_says("last"), headers={"Idempotency-Key": "k"})
    found = (await api.get(talk)).json()
    assert found["message_count"] % 20 == 1
    assert found["last_seq"] == found["message_count"]


async def test_a_user_s_minute_is_limited_and_others_have_their_own(
    shared_store: Recollect, user: str
) -> None:
    tokens = Tokens()
    limits = Limits(Settings.model_validate({"requests_per_minute": 3, "tokens_per_minute": 10}))

    async def reach(user_id: str) -> History:
        return shared_store.for_user(user_id)

    async with listening(create_api(reach, tokens, never, limits=limits)) as port:
        server = Server(port, tokens)
        async with server.client(tokens.give(user)) as client:
            limits.wrote(user, 100)
            refused = await client.post("/api/me/conversations", json={"id": "talk"})
            assert int(refused.headers["retry-after"]) > 30
            problem(refused, 429, "too-many-requests")
            assert (await client.get("/api/me/conversations")).json()["conversations"] == []
            problem(await client.get("/api/somebody/conversations"), 404, "not-found")
            refused = await client.get("/api/me/conversations")
            problem(refused, 429, "too-many-requests")
            assert 0 < int(refused.headers["retry-after"]) <= 20
        async with server.client(tokens.give(f"{user}-other")) as other:
            assert (await other.get("/api/me/conversations")).status_code == 200
