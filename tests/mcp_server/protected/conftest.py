"""A server that takes tokens, and a provider that gives them out; both for all tests of a module."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.identity.provider import Provider, serving
from tests.mcp_server.http_process import HttpProcess

PUBLIC = "https://history.example.com"

Start = Callable[..., HttpProcess]

Program = tuple[str, ...]

RECOLLECT: Program = ("-m", "recollect")
"""What Python runs."""


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    """An identity provider with one Ed25519 key and tokens for the server."""
    with serving() as provider:
        provider.add("one")
        provider.audience = PUBLIC
        yield provider


def settings_for(provider: Provider, **more: Any) -> dict[str, str]:
    """The settings of a server that takes this provider's tokens."""
    issuers = [{"issuer": provider.url, "jwks_url": provider.jwks_url}]
    return {"RECOLLECT_ISSUERS": json.dumps(issuers), "RECOLLECT_PUBLIC_URL": PUBLIC} | more


@pytest.fixture(scope="module")
def start(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Start]:
    """Starts a server on the module's database; all are gone at the end."""
    started: list[HttpProcess] = []
    folder: Path = tmp_path_factory.mktemp("servers")

    def start(settings: dict[str, str], *arguments: str, program: Program = RECOLLECT) -> HttpProcess:
        log = folder / f"log-{len(started)}"
        environment = {"RECOLLECT_DATABASE_URL": shared_url} | settings
        started.append(HttpProcess(environment, log, *arguments, program=program))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def server(start: Start, provider: Provider) -> HttpProcess:
    """It logs all it can, which must not show a token or what somebody said."""
    return start(settings_for(provider, RECOLLECT_LOG_LEVEL="DEBUG"))


@pytest.fixture
def user() -> str:
    """Somebody new."""
    return f"user-{uuid.uuid4().hex[:8]}"
