"""The REST API of a server that takes tokens: who is let in, as whom, and what those read who are not."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.identity.provider import Provider, serving
from tests.mcp_server.http_process import HttpProcess, bearer
from tests.mcp_server.protected.conftest import PUBLIC, settings_for
from tests.mcp_server.protected.test_tokens import BAD
from tests.serving.conftest import rest

ADDRESS = "/me/conversations"


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    with serving() as provider:
        provider.add("one")
        provider.audience = PUBLIC
        yield provider


@pytest.fixture(scope="module")
def server(
    shared_url: str, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Generator[HttpProcess]:
    log: Path = tmp_path_factory.mktemp("server") / "log"
    settings = settings_for(provider, RECOLLECT_LOG_LEVEL="DEBUG", RECOLLECT_DATABASE_URL=shared_url)
    server = HttpProcess(settings, log)
    yield server
    server.stop()


@pytest.mark.parametrize("name", BAD)
def test_a_token_that_is_not_good_is_challenged(name: str, server: HttpProcess, provider: Provider) -> None:
    token = BAD[name](provider)
    addresses = [("GET", ADDRESS), ("POST", ADDRESS), ("DELETE", "/me"), ("GET", "/alice/events")]
    if name == "unknown key":
        del addresses[1:]  # each request waits until its key has been searched for
    for method, path in addresses:
        answer = rest(server, method, path, **bearer(token))
        if answer.status == 400:  # too large to be read as a header at all
            continue
        assert answer.status == 401, (name, answer)
        assert answer.challenge["error"] == "invalid_token"
        assert answer.challenge["resource_metadata"] == f"{PUBLIC}/.well-known/oauth-protected-resource/api"
        assert answer.json["type"] == "urn:recollect:problem:unauthenticated"
        assert token not in answer.body.decode()
    assert token not in server.log() or len(token) < 10


def test_without_a_token_the_challenge_has_no_error(server: HttpProcess) -> None:
    answer = rest(server, "GET", ADDRESS)
    assert answer.status == 401
    assert answer.challenge == {
        "scope": "history:read history:write",
        "resource_metadata": f"{PUBLIC}/.well-known/oauth-protected-resource/api",
    }
    assert server.ask("GET", "/.well-known/oauth-protected-resource/api").json["resource"] == f"{PUBLIC}/api"


@pytest.mark.parametrize("user", ["auth0|7", "a/b c", "ünï", "e\u0301"])
def test_a_token_s_user_has_the_address_of_its_name(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    token = bearer(provider.token(sub=user))
    assert rest(server, "POST", ADDRESS, {"id": "talk"}, **token).status == 201
    own = rest(server, "GET", f"/{quote(user, safe='')}/conversations", **token)
    assert [one["id"] for one in own.json["conversations"]] == ["talk"]
    assert rest(server, "GET", "/alice/conversations", **token).status == 404


def test_a_token_for_the_api_alone_is_good(server: HttpProcess, provider: Provider) -> None:
    assert rest(server, "GET", ADDRESS, **bearer(provider.token(aud=f"{PUBLIC}/api"))).status == 200


def test_step_up_names_the_scope_that_erasing_takes(server: HttpProcess, provider: Provider) -> None:
    answer = rest(server, "DELETE", "/me", **bearer(provider.token(sub="eraser")))
    assert answer.status == 403
    assert (answer.challenge["error"], answer.challenge["scope"]) == ("insufficient_scope", "history:erase")
    answer = rest(server, "DELETE", "/me", **bearer(provider.token(sub="eraser", scope="history:erase")))
    assert (answer.status, json.loads(answer.body)["conversations"]) == (200, 0)
