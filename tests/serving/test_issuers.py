"""Several providers, keys that change, and tokens with keys that nobody has: through both doors of a
server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.identity.provider import Provider, serving
from tests.mcp_server.http_process import HttpProcess, bearer, call, request, text
from tests.mcp_server.protected.conftest import PUBLIC
from tests.serving.conftest import rest

CONVERSATIONS = "/me/conversations"

SEARCH_SECONDS = 5.0
"""How long a search for a key that found nothing is not repeated."""


@pytest.fixture(scope="module")
def providers() -> Generator[tuple[Provider, Provider]]:
    with serving() as first, serving() as second:
        for provider in (first, second):
            provider.add("one")
            provider.audience = PUBLIC
        yield first, second


@pytest.fixture(scope="module")
def server(
    shared_url: str, providers: tuple[Provider, Provider], tmp_path_factory: pytest.TempPathFactory
) -> Generator[HttpProcess]:
    """It takes the tokens of both; the second one's users have a namespace."""
    first, second = providers
    issuers = [
        {"issuer": first.url, "jwks_url": first.jwks_url},
        {"issuer": second.url, "jwks_url": second.jwks_url, "namespace": "second"},
    ]
    log: Path = tmp_path_factory.mktemp("server") / "log"
    settings = {
        "RECOLLECT_DATABASE_URL": shared_url,
        "RECOLLECT_PUBLIC_URL": PUBLIC,
        "RECOLLECT_ISSUERS": json.dumps(issuers),
        "RECOLLECT_REQUESTS_PER_MINUTE": "0",
    }
    server = HttpProcess(settings, log)
    yield server
    server.stop()


def test_the_same_subject_of_two_issuers_is_two_users(
    server: HttpProcess, providers: tuple[Provider, Provider]
) -> None:
    first, second = (provider.token(sub="auth0|7") for provider in providers)
    call(server, first, "create_conversation", conversation_id="firsts")
    assert rest(server, "POST", CONVERSATIONS, {"id": "seconds"}, **bearer(second)).status == 201
    for token, own, others in ((first, "firsts", "seconds"), (second, "seconds", "firsts")):
        over_mcp = text(call(server, token, "list_conversations"))
        over_rest = rest(server, "GET", CONVERSATIONS, **bearer(token)).body.decode()
        for listed in (over_mcp, over_rest):
            assert own in listed
            assert others not in listed
        assert rest(server, "GET", f"{CONVERSATIONS}/{others}", **bearer(token)).status == 404
    address = f"/{quote('second:auth0|7', safe='')}/conversations"
    assert rest(server, "GET", address, **bearer(second)).status == 200
    assert rest(server, "GET", address, **bearer(first)).status == 404


def test_nobody_takes_the_name_of_another_issuer_s_user(
    server: HttpProcess, providers: tuple[Provider, Provider]
) -> None:
    first, second = providers
    for token in (first.token(sub="second:7"), first.token(iss=second.url), second.token(iss=first.url)):
        assert call(server, token, "list_conversations").status == 401
        assert rest(server, "GET", CONVERSATIONS, **bearer(token)).status == 401


def test_a_flood_of_unknown_keys_stops_nobody_and_reaches_no_provider(
    server: HttpProcess, providers: tuple[Provider, Provider]
) -> None:
    provider = providers[0]
    good = bearer(provider.token(sub="steady"))
    assert server.send(request("tools/list"), **good).status == 200
    asked, began = len(provider.asked), time.monotonic()

    def flood(number: int) -> int:
        forged = bearer(provider.token(header={"kid": f"nobody-{number}"}))
        return rest(server, "GET", CONVERSATIONS, **forged).status

    with ThreadPoolExecutor(16) as pool:
        flooding = pool.map(flood, range(32))  # whoever comes with an unknown key waits for a search
        waits: list[float] = []
        for _ in range(30):
            sent = time.monotonic()
            assert server.send(request("tools/list"), **good).status == 200
            waits.append(time.monotonic() - sent)
        assert set(flooding) == {401}
    assert max(waits) < 5
    assert len(provider.asked) - asked <= (time.monotonic() - began) / SEARCH_SECONDS + 2


def test_keys_change_under_load_without_a_failed_request(
    server: HttpProcess, providers: tuple[Provider, Provider]
) -> None:
    provider = providers[1]
    current, done = "one", threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        while not done.is_set():
            token = provider.token(key_id=current, sub="steady", jti=str(len(statuses)))
            statuses.append(call(server, token, "list_conversations").status)
            statuses.append(rest(server, "GET", CONVERSATIONS, **bearer(token)).status)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        for number in range(5):
            served = len(statuses) + 20
            while len(statuses) < served:
                assert not any(one.done() for one in asking)
                time.sleep(0.01)
            provider.add(f"new-{number}", "ES256" if number % 2 else "EdDSA")
            current = f"new-{number}"
        done.set()
        for one in asking:
            one.result()
    assert set(statuses) == {200}
