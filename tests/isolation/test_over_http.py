"""The same matrix of two users over HTTP, where the token alone says who calls."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from recollect.history.history import History
from tests.identity.provider import Provider, serving
from tests.isolation.people import SECRET, Pair, rows_of
from tests.isolation.test_tools import OTHERS, TOOLS, ToolRow, ask, call, name_of
from tests.mcp_server.http_process import HttpProcess, bearer

TRANSPORTS = ("streamable", "sse")


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    with serving() as provider:
        provider.add("one")
        yield provider


@pytest.fixture(scope="module")
def server(
    shared_url: str, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Generator[HttpProcess]:
    issuers = json.dumps([{"issuer": provider.url, "jwks_url": provider.jwks_url}])
    log: Path = tmp_path_factory.mktemp("server") / "log"
    server = HttpProcess({"RECOLLECT_DATABASE_URL": shared_url, "RECOLLECT_ISSUERS": issuers}, log)
    provider.audience = server.address
    yield server
    server.stop()


@asynccontextmanager
async def client_of(
    server: HttpProcess, provider: Provider, history: History, transport: str
) -> AsyncGenerator[Client]:
    token = provider.token(sub=history.user_id, scope="history:read history:write history:erase")
    headers = bearer(token)
    if transport == "sse":
        async with Client(sse_client(f"{server.address}/sse", headers=headers)) as client:
            yield client
        return
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http_client:
        stream = streamable_http_client(f"{server.address}/mcp", http_client=http_client)
        async with Client(stream) as client:
            yield client


@pytest.mark.parametrize("row", TOOLS, ids=name_of)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_another_user_s_conversation_is_one_that_does_not_exist(
    transport: str,
    row: ToolRow,
    admin: asyncpg.Connection[asyncpg.Record],
    pair: Pair,
    server: HttpProcess,
    provider: Provider,
) -> None:
    async with client_of(server, provider, pair.bob, transport) as bob:
        before = await rows_of(admin, pair.alice.user_id)
        foreign = await call(bob, row, pair.hers)
        assert await rows_of(admin, pair.alice.user_id) == before
        assert SECRET not in foreign
        assert foreign == await call(bob, row, pair.nobodys)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_whatever_else_is_asked_shows_nothing_of_another_user(
    transport: str, name: str, pair: Pair, server: HttpProcess, provider: Provider
) -> None:
    async with (
        client_of(server, provider, pair.bob, transport) as bob,
        client_of(server, provider, pair.alice, transport) as alice,
    ):
        foreign = await ask(bob, name, pair.hers)
        assert SECRET not in foreign
        assert foreign == await ask(bob, name, pair.nobodys)
        assert await ask(alice, name, pair.hers) != foreign
