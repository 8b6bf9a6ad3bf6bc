"""How an issuer's keys are found: rotation, floods, a provider that is down or sends nonsense."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import jwt
import pytest

from recollect import Unauthenticated, Unavailable
from recollect.identity.fetching import MAX_BYTES
from recollect.identity.keys import (
    FRESH_SECONDS,
    LONGEST_SECONDS,
    MOST_WAITING,
    RETRY_SECONDS,
    SEARCH_SECONDS,
    Keys,
)
from recollect.issuer_settings import IssuerSettings
from tests.identity.provider import Provider


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(provider: Provider, clock: Clock) -> Keys:
    return Keys(IssuerSettings(issuer=provider.url, jwks_url=provider.jwks_url), clock=clock)


async def find(keys: Keys, key_id: str | None = "one") -> jwt.PyJWK:
    return await keys.find(key_id, "EdDSA")


async def test_many_who_come_at_once_share_one_fetch_and_one_who_leaves_does_not_take_it_along(
    provider: Provider, keys: Keys
) -> None:
    provider.gate.clear()
    waiting = [asyncio.create_task(find(keys)) for _ in range(50)]
    assert await asyncio.to_thread(provider.arrived.acquire, timeout=10)
    waiting[0].cancel()
    provider.gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(isinstance(key, jwt.PyJWK) for key in found[1:])
    assert provider.asked == ["/jwks"]


async def test_a_new_key_is_found_at_once_and_a_withdrawn_one_is_forgotten(
    provider: Provider, keys: Keys
) -> None:
    await find(keys)
    provider.published.clear()
    provider.add("two")
    await find(keys, "two")
    provider.add("three")
    await find(keys, "three")
    assert len(provider.asked) == 3
    with pytest.raises(Unauthenticated):
        await find(keys, "one")


async def test_a_flood_of_unknown_key_ids_asks_the_provider_once_in_a_while_and_stops_nobody(
    provider: Provider,
) -> None:
    """Here a while is a fifth of a second, and the flood comes in twenty waves of a hundred."""
    keys = Keys(IssuerSettings(issuer=provider.url, jwks_url=provider.jwks_url), search_every=0.2)
    await find(keys)
    began = time.monotonic()
    for wave in range(20):
        flood = [find(keys, f"unknown{wave}.{number}") for number in range(100)]
        provider.add(f"new{wave}")
        *refused, known, new = await asyncio.gather(
            *flood, find(keys), find(keys, f"new{wave}"), return_exceptions=True
        )
        assert all(isinstance(error, Unauthenticated) for error in refused)
        assert isinstance(known, jwt.PyJWK)
        assert isinstance(new, jwt.PyJWK)
    searches = (time.monotonic() - began) / 0.2
    assert len(provider.asked) <= searches + 2


async def test_those_who_wait_for_a_search_are_bounded(provider: Provider) -> None:
    keys = Keys(IssuerSettings(issuer=provider.url, jwks_url=provider.jwks_url), search_every=60)
    with pytest.raises(Unauthenticated):
        await find(keys, "unknown")
    waiting = [asyncio.create_task(find(keys, "unknown")) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await find(keys, "unknown")
    await find(keys)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    waiter = asyncio.create_task(find(keys, "unknown"))
    await asyncio.sleep(0)
    assert not waiter.done()
    waiter.cancel()


async def test_known_keys_serve_while_they_are_fetched_again(
    provider: Provider, keys: Keys, clock: Clock
) -> None:
    await find(keys)
    assert provider.arrived.acquire(timeout=10)
    clock.now = FRESH_SECONDS + 1
    provider.gate.clear()
    provider.published.clear()
    for _ in range(20):
        await find(keys)  # does not wait for the provider
    assert await asyncio.to_thread(provider.arrived.acquire, timeout=10)
    provider.gate.set()
    with pytest.raises(Unauthenticated):  # who looks for a new key waits for the answer
        await find(keys, "new")
    clock.now += SEARCH_SECONDS
    with pytest.raises(Unauthenticated):
        await find(keys)
    assert len(provider.asked) == 3


async def test_known_keys_serve_while_the_provider_is_down_but_not_for_ever(
    provider: Provider, keys: Keys, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await find(keys)
    provider.answers["/jwks"] = (503, b"down")
    for clock.now in (FRESH_SECONDS + 1, LONGEST_SECONDS - 1):
        for _ in range(20):
            await find(keys)
        with pytest.raises(Unavailable):
            await find(keys, "new")
    assert len(provider.asked) == 3
    clock.now = LONGEST_SECONDS + RETRY_SECONDS
    with pytest.raises(Unavailable):
        await find(keys)
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    del provider.answers["/jwks"]
    clock.now += RETRY_SECONDS
    await find(keys)


async def test_a_provider_that_is_down_is_left_alone_for_a_moment(
    provider: Provider, keys: Keys, clock: Clock
) -> None:
    provider.answers["/jwks"] = (500, b"")
    for _ in range(20):
        with pytest.raises(Unavailable):
            await find(keys)
    assert len(provider.asked) == 1
    del provider.answers["/jwks"]
    clock.now = RETRY_SECONDS
    await find(keys)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"\xff\xfe"),
        (200, b"[]"),
        (200, b'{"keys": {}}'),
        (200, b'{"keys": null}'),
        (200, b"[" * 100_000),
        (200, b'{"keys": [' + b" " * MAX_BYTES + b"]}"),
        (302, b""),
        (404, b'{"keys": []}'),
    ],
)
async def test_what_is_no_key_set_is_not_taken_for_one(
    answer: tuple[int, bytes], provider: Provider, keys: Keys
) -> None:
    provider.answers["/jwks"] = answer
    provider.headers["Location"] = f"{provider.url}/other"
    provider.answers["/other"] = (200, json.dumps({"keys": provider.published}).encode())
    with pytest.raises(Unavailable):
        await find(keys)
    assert provider.asked == ["/jwks"]


async def test_keys_that_cannot_be_read_do_not_spoil_the_others(
    provider: Provider, keys: Keys, clock: Clock
) -> None:
    broken: list[Any] = [
        7,
        None,
        {},
        {"kid": "one"},
        {"kty": ["OKP"], "crv": ["Ed25519"], "kid": "one"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "broken"},
        {"kty": "OKP", "crv": "Ed25519", "x": 7, "kid": "odd"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "empty"},
    ]
    provider.published[:0] = broken
    await find(keys)
    for key_id in ("broken", "odd", "empty"):
        clock.now += SEARCH_SECONDS
        with pytest.raises(Unauthenticated):
            await find(keys, key_id)


async def test_a_token_without_key_id_takes_the_only_key_of_its_kind(provider: Provider, keys: Keys) -> None:
    provider.add("other", "ES256")
    await find(keys, None)
    provider.add("two")
    with pytest.raises(Unauthenticated):
        await find(Keys(IssuerSettings(issuer=provider.url, jwks_url=provider.jwks_url)), None)


async def test_two_keys_with_one_id_verify_nothing(provider: Provider, keys: Keys) -> None:
    provider.add("one")
    with pytest.raises(Unauthenticated):
        await find(keys)


async def test_the_keys_are_found_through_the_issuers_metadata(provider: Provider) -> None:
    await find(Keys(IssuerSettings(issuer=provider.url)))
    assert provider.asked == ["/.well-known/openid-configuration", "/jwks"]
    realm = f"{provider.url}/realms/a/"
    metadata = json.dumps({"issuer": realm, "jwks_uri": provider.jwks_url}).encode()
    provider.answers["/.well-known/oauth-authorization-server/realms/a"] = (200, metadata)
    await find(Keys(IssuerSettings(issuer=realm)))
    assert provider.asked[2:] == [
        "/realms/a/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/realms/a",
        "/jwks",
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example", "jwks_uri": "{jwks}"},
        {"issuer": "{issuer}/", "jwks_uri": "{jwks}"},
        {"issuer": "{issuer}", "jwks_uri": "http://evil.example/jwks"},
        {"issuer": "{issuer}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{issuer}", "jwks_uri": 7},
        {"issuer": "{issuer}"},
        {},
    ],
)
async def test_metadata_of_another_issuer_or_with_keys_elsewhere_are_refused(
    metadata: dict[str, Any], provider: Provider
) -> None:
    text = json.dumps(metadata).replace("{issuer}", provider.url).replace("{jwks}", provider.jwks_url)
    provider.answers["/.well-known/openid-configuration"] = (200, text.encode())
    with pytest.raises(Unavailable):
        await find(Keys(IssuerSettings(issuer=provider.url)))
    assert "/jwks" not in provider.asked
