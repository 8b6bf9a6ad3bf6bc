"""The REST API on a real socket, in this process, over one database a module."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any, Literal

import httpx2
import pytest
import uvicorn
from starlette.types import ASGIApp

from recollect.api.app import create_api
from recollect.db.database import Database
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.identity.caller import ERASE, READ, WRITE, Caller
from recollect.mcp_server.feed import Feed
from recollect.mcp_server.listening import Listening
from recollect.models.errors import Unauthenticated

ALL = (READ, WRITE, ERASE)
_numbers = count(1)


class Tokens:
    """Who holds which token: an authenticator that knows what it was told."""

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}

    def give(self, user: str, *scopes: str) -> str:
        """A new token for a user; with all scopes unless some are named."""
        return self.keep(Caller(user, frozenset(scopes or ALL), "tests"))

    def keep(self, caller: Caller) -> str:
        """A new token for a caller."""
        token = secrets.token_hex(16)
        self._callers[token] = caller
        return token

    async def authenticate(self, token: str | None) -> Caller:
        if token not in self._callers:
            raise Unauthenticated("there is no token, or it is not accepted; get one and send it")
        return self._callers[token]

    async def confirm(self, token: str | None) -> None:
        await self.authenticate(token)


class Server:
    """An address, and clients for it."""

    def __init__(self, port: int, tokens: Tokens) -> None:
        self.port = port
        self.tokens = tokens
        self.address = f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def client(self, token: str | None) -> AsyncGenerator[httpx2.AsyncClient]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        # No TLS here: to load certificates takes longer than most requests.
        async with httpx2.AsyncClient(
            base_url=self.address, headers=headers, timeout=30, trust_env=False, verify=False
        ) as client:
            yield client


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def listening(
    app: ASGIApp, parser: type[asyncio.Protocol] | Literal["auto"] = "auto"
) -> AsyncGenerator[int]:
    """Serve an application on a free port of loopback; its number."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", http=parser
        )
        server = _Quiet(config)
        task = asyncio.create_task(server.serve([bound]))
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def api_over(store: Recollect, tokens: Tokens) -> AsyncGenerator[ASGIApp]:
    """The API over an open store, with its streams of changes."""

    async def reach(user_id: str) -> History:
        return store.for_user(user_id)

    async def database() -> Database:
        return store.database

    feed = Feed(lambda: "nobody", database)
    streams = Listening(feed, lambda: math.inf)
    looking = asyncio.create_task(feed.run())
    try:
        yield create_api(reach, tokens, lambda caller: streams.changes(caller.user_id, caller.expires_at))
    finally:
        streams.close()
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


@pytest.fixture(scope="module")
async def server(shared_store: Recollect) -> AsyncGenerator[Server]:
    tokens = Tokens()
    async with api_over(shared_store, tokens) as app, listening(app) as port:
        yield Server(port, tokens)


@pytest.fixture
def user() -> str:
    """Somebody nobody has used before."""
    return f"alice-{next(_numbers)}"


@pytest.fixture
async def api(server: Server, user: str) -> AsyncGenerator[httpx2.AsyncClient]:
    """The user's client, with all scopes."""
    async with server.client(server.tokens.give(user)) as client:
        yield client


@pytest.fixture
async def talk(api: httpx2.AsyncClient) -> str:
    """The address of an empty conversation."""
    made = await api.post("/api/me/conversations", json={"id": "talk", "title": "A talk"})
    assert made.status_code == 201
    return "/api/me/conversations/talk"


def problem(answer: httpx2.Response, status: int, name: str) -> dict[str, Any]:
    """The fields of a problem; fails the test if the answer is none of this status and type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    fields: dict[str, Any] = answer.json()
    assert (fields["status"], fields["type"]) == (status, f"urn:recollect:problem:{name}")
    assert fields["title"]
    assert fields["detail"]
    return fields


def user_says(*texts: str) -> dict[str, Any]:
    """The body of an append."""
    return {"messages": [{"role": "user", "content": text} for text in texts]}
