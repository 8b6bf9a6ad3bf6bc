"""A client that has nothing but the address: it finds out who gives out tokens, gets one for what it
wants to do, and gets a better one when that is not enough (step-up)."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

from tests.identity.provider import Provider, serving
from tests.mcp_server.conftest import text_of
from tests.mcp_server.http_process import HttpProcess
from tests.mcp_server.protected.conftest import Start


class AuthorizationServer(Provider):
    """As much of one as a client needs. Alice agrees to everything.

    granted:  the scopes and the resource of each authorization, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.granted: list[tuple[str, str]] = []
        self._codes: dict[str, tuple[str, str]] = {}

    def document(self, path: str) -> tuple[int, bytes]:
        if path != "/.well-known/oauth-authorization-server":
            return super().document(path)
        metadata = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "registration_endpoint": f"{self.url}/register",
            "jwks_uri": self.jwks_url,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }
        return 200, json.dumps(metadata).encode()

    def agree(self, url: str) -> AuthorizationCodeResult:
        """What alice's browser comes back with from an authorization URL."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = secrets.token_urlsafe()
        self._codes[code] = (asked["scope"], asked["resource"])
        self.granted.append(self._codes[code])
        return AuthorizationCodeResult(code=code, state=asked["state"], iss=self.url)

    def posted(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/register":
            client = json.loads(body) | {"client_id": "a client"}
            return 201, json.dumps(client).encode()
        form = parse_qs(body.decode())
        scope, resource = self._codes.pop(form["code"][0])
        token = self.token(aud=resource, scope=scope, azp="a client")
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 600, "scope": scope}
        return 200, json.dumps(answer).encode()


class Memory:
    """Where a client keeps its tokens."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@pytest.fixture(scope="module")
def authorization_server() -> Generator[AuthorizationServer]:
    with serving(AuthorizationServer) as provider:
        provider.add("one")
        yield provider


@pytest.fixture(scope="module")
def server(start: Start, authorization_server: AuthorizationServer) -> HttpProcess:
    # Its address and its keys are found through the issuer's metadata alone.
    return start({"RECOLLECT_ISSUERS": json.dumps([{"issuer": authorization_server.url}])})


@asynccontextmanager
async def client_of(
    server: HttpProcess, authorization_server: AuthorizationServer, storage: Memory
) -> AsyncGenerator[Client]:
    answers: list[AuthorizationCodeResult] = []

    async def redirect(url: str) -> None:
        answers.append(authorization_server.agree(url))

    async def callback() -> AuthorizationCodeResult:
        return answers.pop()

    metadata = {"redirect_uris": ["http://localhost:1/callback"], "client_name": "tests"}
    auth = OAuthClientProvider(
        f"{server.address}/mcp",
        OAuthClientMetadata.model_validate(metadata),
        storage,
        redirect_handler=redirect,
        callback_handler=callback,
    )
    async with (
        httpx2.AsyncClient(auth=auth, timeout=30) as http_client,
        Client(streamable_http_client(f"{server.address}/mcp", http_client=http_client)) as client,
    ):
        yield client


async def test_from_an_address_to_a_conversation_and_then_to_removing_it(
    server: HttpProcess, authorization_server: AuthorizationServer
) -> None:
    async with client_of(server, authorization_server, Memory()) as client:

        async def call(tool: str, **arguments: Any) -> str:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, text_of(result)
            return text_of(result)

        await call("create_conversation", conversation_id="talk", title="a talk")
        await call("append_message", conversation_id="talk", role="user", content="hello")
        assert "hello" in await call("load_context", conversation_id="talk")
        resource = f"{server.address}/mcp"
        assert authorization_server.granted == [("history:read history:write", resource)]
        removed = await call("delete_conversation", conversation_id="talk", permanent=True, confirm="talk")
        assert "removed" in removed
        scopes, asked_for = authorization_server.granted[-1]
        assert set(scopes.split()) == {"history:read", "history:write", "history:erase"}
        assert asked_for == resource
        assert len(authorization_server.granted) == 2


async def test_a_token_that_has_expired_is_replaced(
    server: HttpProcess, authorization_server: AuthorizationServer
) -> None:
    storage = Memory()
    expired = authorization_server.token(aud=f"{server.address}/mcp", exp=1)
    storage.tokens = OAuthToken(access_token=expired)
    async with client_of(server, authorization_server, storage) as client:
        assert not (await client.call_tool("list_conversations", {})).is_error
    assert storage.tokens.access_token != expired
