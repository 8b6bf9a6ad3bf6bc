"""A server that takes tokens: who is let in, as whom, and what those read who are not."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.identity.provider import Provider, public, rsa_key, serving
from tests.mcp_server.http_process import HEADERS, HttpProcess, bearer, call, request, text
from tests.mcp_server.processes import INITIALIZE
from tests.mcp_server.protected.conftest import PUBLIC

PATHS = (("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/sse"), ("POST", "/messages/"))

METADATA = "/.well-known/oauth-protected-resource"


def confused(provider: Provider) -> str:
    """A token that takes a public RSA key for a shared secret."""
    key = rsa_key()
    provider.published.append({**public(key), "kid": "rsa"})

    def part(content: Any) -> str:
        return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    unsigned = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(provider.claims())}"
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = hmac.new(pem, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def unsigned(provider: Provider) -> str:
    header = urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()
    return f"{header}.{provider.token().split('.')[1]}."


BAD: dict[str, Callable[[Provider], str]] = {
    "expired": lambda provider: provider.token(exp=time.time() - 3600),
    "no exp": lambda provider: provider.token(exp=None),
    "future nbf": lambda provider: provider.token(nbf=time.time() + 3600),
    "another issuer": lambda provider: provider.token(iss="https://evil.example"),
    "another audience": lambda provider: provider.token(aud="https://evil.example"),
    "audience of a longer name": lambda provider: provider.token(aud=f"{PUBLIC}.evil.example"),
    "no audience": lambda provider: provider.token(aud=None),
    "alg none": unsigned,
    "public key as secret": confused,
    "jku": lambda provider: provider.token(header={"jku": provider.jwks_url}),
    "unknown key": lambda provider: provider.token(header={"kid": "nobody's"}),
    "changed": lambda provider: provider.token()[:-4] + "AAAA",
    "no user": lambda provider: provider.token(sub=""),
    "garbage": lambda provider: "garbage",
    "huge": lambda provider: "x" * 40_000,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_gets_401_and_is_told_why(name: str, server: HttpProcess, provider: Provider) -> None:
    token = BAD[name](provider)
    answer = server.send(request("initialize", INITIALIZE), **bearer(token))
    assert answer.status == 401
    assert answer.challenge["error"] == "invalid_token"
    assert answer.challenge["error_description"]
    assert answer.challenge["resource_metadata"] == f"{PUBLIC}{METADATA}/mcp"
    assert answer.json["error"] == "invalid_token"
    assert token not in answer.body.decode()
    assert token not in server.log()


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_a_token_every_door_says_where_to_get_one(
    method: str, path: str, server: HttpProcess
) -> None:
    answer = server.ask(method, path, b"{}", **HEADERS)
    assert answer.status == 401
    door = "/mcp" if path == "/mcp" else "/sse"
    assert answer.challenge == {
        "scope": "history:read history:write",
        "resource_metadata": f"{PUBLIC}{METADATA}{door}",
    }


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_token_in_the_address_is_no_token(
    method: str, path: str, server: HttpProcess, provider: Provider
) -> None:
    token = provider.token()
    for name in ("access_token", "token", "authorization"):
        assert server.ask(method, f"{path}?{name}={token}", b"{}", **HEADERS).status == 401
    assert token not in server.log()


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Bearer", "Bearer ", "{token}", "Token {token}"])
def test_other_authorization_is_refused(authorization: str, server: HttpProcess, provider: Provider) -> None:
    given = authorization.format(token=provider.token())
    answer = server.send(request("ping"), Authorization=given)
    assert answer.status == 401
    assert answer.challenge["error"] == "invalid_token"


def test_the_scheme_is_written_as_one_likes(server: HttpProcess, provider: Provider) -> None:
    answer = server.send(request("tools/list"), Authorization=f"bEARER  {provider.token()} ")
    assert answer.status == 200


@pytest.mark.parametrize("path", ["", "/mcp", "/sse", "/api"])
def test_the_metadata_name_the_issuer_and_need_no_token(
    path: str, server: HttpProcess, provider: Provider
) -> None:
    answer = server.ask("GET", f"{METADATA}{path}")
    assert answer.status == 200
    assert answer.json == {
        "resource": f"{PUBLIC}{path}",
        "resource_name": "Recollect",
        "authorization_servers": [provider.url],
        "scopes_supported": ["history:read", "history:write"],
        "bearer_methods_supported": ["header"],
    }


@pytest.mark.parametrize("path", ["", "/", "/mcp", "/sse", "/api"])
def test_a_token_may_be_for_the_server_or_for_one_of_its_doors(
    path: str, server: HttpProcess, provider: Provider
) -> None:
    assert server.send(request("tools/list"), **bearer(provider.token(aud=f"{PUBLIC}{path}"))).status == 200


@pytest.mark.parametrize("form", ["auth0|{}", "{}/../x", "{} with space", "{} жён 🙂", "urn:{}", "%00{}"])
def test_each_user_has_a_history_of_their_own_whatever_they_are_called(
    form: str, user: str, server: HttpProcess, provider: Provider
) -> None:
    mine, other = provider.token(sub=form.format(user)), provider.token(sub=form.format(user + "x"))
    assert "talk" in text(call(server, mine, "create_conversation", conversation_id="talk", title=user))
    assert user in text(call(server, mine, "list_conversations"))
    assert user not in text(call(server, other, "list_conversations"))


def test_a_key_that_its_provider_made_just_now_is_taken_without_a_failed_request(
    server: HttpProcess, provider: Provider
) -> None:
    for number in range(3):
        provider.add(f"new{number}", "ES256")
        token = provider.token(key_id=f"new{number}")
        assert server.send(request("tools/list"), **bearer(token)).status == 200
        assert server.send(request("tools/list"), **bearer(provider.token())).status == 200


def test_known_keys_are_enough_while_the_provider_is_down(server: HttpProcess, provider: Provider) -> None:
    assert server.send(request("tools/list"), **bearer(provider.token())).status == 200
    provider.answers["/jwks"] = (500, b"")
    try:
        for _ in range(5):
            assert server.send(request("tools/list"), **bearer(provider.token())).status == 200
    finally:
        del provider.answers["/jwks"]


def test_a_provider_that_was_never_there_is_a_503_and_not_a_judgement(
    start: Callable[..., HttpProcess], provider: Provider
) -> None:
    with serving() as down:
        down.add("one")
        down.answers["/jwks"] = (500, b"")
        issuers = json.dumps([{"issuer": down.url, "jwks_url": down.jwks_url}])
        server = start({"RECOLLECT_ISSUERS": issuers})
        down.audience = server.address
        answer = server.send(request("tools/list"), **bearer(down.token()))
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert down.url not in answer.body.decode()
        assert server.send(request("tools/list"), **bearer(provider.token())).status == 401


def test_what_is_logged_shows_no_token_and_nothing_that_was_said(
    user: str, server: HttpProcess, provider: Provider
) -> None:
    token, words = provider.token(sub=user), "the words that nobody else may read"
    call(server, token, "create_conversation", conversation_id="talk", title=words, instructions=words)
    call(server, token, "append_message", conversation_id="talk", role="user", content=words)
    assert words in text(call(server, token, "load_context", conversation_id="talk"))
    call(server, token, "append_message", conversation_id="talk", role=words, content=[{"type": words}])
    server.send(words.encode(), **bearer(token))
    server.send(json.dumps({"jsonrpc": "2.0", "method": words, "params": words}).encode(), **bearer(token))
    server.ask("POST", "/messages/?session_id=" + "0" * 32, words.encode(), **HEADERS, **bearer(token))
    log = server.log()
    assert words not in log
    assert token not in log
    assert token.split(".")[1] not in log
