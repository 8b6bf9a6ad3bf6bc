"""Which JWTs are accepted, from whom, and as whom."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from recollect import Unauthenticated
from recollect.identity.authenticator import TokenAuthenticator
from recollect.identity.issuers import Issuers
from recollect.issuer_settings import IssuerSettings
from tests.identity.provider import AUDIENCE, MAKE, Provider, public, rsa_key, serving

SECRET = "a secret that two services share, and long enough for the longest hash"


def accepting(*issuers: dict[str, Any]) -> TokenAuthenticator:
    settings = [IssuerSettings.model_validate(issuer) for issuer in issuers]
    return TokenAuthenticator(Issuers(settings, [AUDIENCE]))


def of(provider: Provider, **more: Any) -> dict[str, Any]:
    return {"issuer": provider.url, "jwks_url": provider.jwks_url} | more


async def refusal(authenticator: TokenAuthenticator, token: str | None) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await authenticator.authenticate(token)
    text = str(refused.value)
    assert not token or token not in text
    return text


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    return ".".join((part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature)))


@pytest.mark.parametrize("algorithm", list(MAKE))
async def test_a_token_is_verified_with_a_key_that_does_not_say_its_algorithm(
    algorithm: str, provider: Provider
) -> None:
    provider.add("two", algorithm)
    caller = await accepting(of(provider)).authenticate(provider.token(key_id="two", azp="a client"))
    assert (caller.user_id, caller.client) == ("alice", "a client")
    assert caller.scopes == {"history:read", "history:write"}


async def test_a_token_of_an_old_issuer_that_has_a_secret_is_verified_with_it() -> None:
    authenticator = accepting({"issuer": "todo", "secret": SECRET, "audiences": ["todo"]})
    claims = {"iss": "todo", "aud": ["x", "todo"], "sub": "7", "exp": time.time() + 60}
    caller = await authenticator.authenticate(jwt.encode(claims, SECRET))
    assert (caller.user_id, caller.scopes) == ("7", frozenset())
    for changed in ({"aud": "x"}, {"iss": "other"}):
        await refusal(authenticator, jwt.encode(claims | changed, SECRET))
    await refusal(authenticator, jwt.encode(claims, SECRET, algorithm="HS512"))
    await refusal(authenticator, jwt.encode(claims, SECRET + "!"))


async def test_bare_tokens_of_a_shared_secret_are_accepted_where_the_settings_say_so() -> None:
    authenticator = accepting({"issuer": "", "secret": SECRET, "audiences": [], "user_claim": "user_id"})
    claims = {"user_id": "alice", "exp": time.time() + 60}
    assert (await authenticator.authenticate(jwt.encode(claims, SECRET))).user_id == "alice"
    assert "issuer" in await refusal(authenticator, jwt.encode(claims | {"iss": "x"}, SECRET))
    assert "another service" in await refusal(authenticator, jwt.encode(claims | {"aud": "x"}, SECRET))


async def test_without_audiences_a_token_has_to_be_for_this_server(provider: Provider) -> None:
    authenticator = accepting(of(provider))
    await authenticator.authenticate(provider.token(aud=["https://x.example", AUDIENCE]))
    assert "another service" in await refusal(authenticator, provider.token(aud=f"{AUDIENCE}.evil.example"))
    named = accepting(of(provider, audiences=["mine"]))
    await named.authenticate(provider.token(aud="mine"))
    await refusal(named, provider.token(aud=AUDIENCE))


@pytest.mark.parametrize(("exp_in", "remembered"), [(3600, 30), (25, 25)])
async def test_a_token_is_remembered_for_thirty_seconds_at_most_and_never_beyond_its_end(
    exp_in: int, remembered: int, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key was withdrawn meanwhile, so who looks again refuses it."""
    authenticator = accepting(of(provider, leeway=0))
    now = float(int(time.time()))
    token = provider.token(exp=now + exp_in)
    monkeypatch.setattr(time, "time", lambda: now)
    await authenticator.authenticate(token)
    provider.published.clear()
    provider.add("two")
    await authenticator.authenticate(provider.token(key_id="two"))
    monkeypatch.setattr(time, "time", lambda: now + remembered - 1)
    await authenticator.authenticate(token)
    monkeypatch.setattr(time, "time", lambda: now + remembered)
    assert "key" in await refusal(authenticator, token)


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"exp": time.time() - 3600}, "expired"),
        ({"exp": None}, "has no exp"),
        ({"exp": "tomorrow"}, "not accepted"),
        ({"exp": float("inf")}, "not accepted"),
        ({"exp": float("nan")}, "not accepted"),
        ({"exp": 10**400}, "not accepted"),
        ({"nbf": time.time() + 3600}, "not valid yet"),
        ({"iat": time.time() + 3600}, "not valid yet"),
        ({"aud": None}, "has no aud"),
        ({"aud": "https://another.example"}, "another service"),
        ({"aud": {"a": 1}}, "another service"),
        ({"aud": [AUDIENCE, 1]}, "another service"),
        ({"iss": None}, "not from an issuer"),
        ({"iss": "https://evil.example"}, "not from an issuer"),
        ({"sub": None}, "names no user"),
        ({"sub": ""}, "names no user"),
        ({"sub": "a\0b"}, "cannot be a user id"),
        ({"sub": "cut \ud83d"}, "cannot be a user id"),
        ({"sub": "x" * 256}, "cannot be a user id"),
    ],
)
async def test_a_token_with_wrong_claims_is_refused_and_told_why(
    claims: dict[str, Any], problem: str, provider: Provider
) -> None:
    assert problem in await refusal(accepting(of(provider)), provider.token(**claims))


@pytest.mark.parametrize("claim", ["iss", "sub"])
@pytest.mark.parametrize("value", [7, ["alice"], {"a": "alice"}, True])
async def test_a_claim_of_another_type_is_refused(claim: str, value: object, provider: Provider) -> None:
    algorithm, key = provider.keys["one"]
    claims = json.dumps(provider.claims() | {claim: value}).encode()
    token = jwt.PyJWS().encode(claims, key, algorithm, {"kid": "one"})
    await refusal(accepting(of(provider)), token)


@pytest.mark.parametrize(
    "user", ["auth0|abc", "a/b", "with space", "жён 🙂", "a:b", "..", "%2e%2e", "x" * 255]
)
async def test_every_other_text_is_a_user(user: str, provider: Provider) -> None:
    assert (await accepting(of(provider)).authenticate(provider.token(sub=user))).user_id == user


async def test_clocks_may_differ_by_the_leeway(provider: Provider) -> None:
    now = time.time()
    await accepting(of(provider)).authenticate(provider.token(exp=now - 10, nbf=now + 10))
    await refusal(accepting(of(provider, leeway=5)), provider.token(exp=now - 10))
    await refusal(accepting(of(provider, leeway=5)), provider.token(nbf=now + 10))


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "", None, 7, ["EdDSA"], "HS256", "ES256K", "Ed25519"]
)
async def test_an_algorithm_that_is_not_accepted_is_refused(alg: object, provider: Provider) -> None:
    header = {"alg": alg, "kid": "one"}
    for signature in (b"", b"x" * 64):
        await refusal(accepting(of(provider)), forged(header, provider.claims(), signature))


@pytest.mark.parametrize("form", ["pem", "der", "jwk", "n"])
async def test_a_public_key_is_never_taken_for_a_shared_secret(form: str, provider: Provider) -> None:
    key = rsa_key()
    provider.published.append({**public(key), "kid": "rsa"})
    jwk = public(key)
    secret = {
        "pem": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(jwk).encode(),
        "n": jwk["n"].encode(),
    }[form]
    unsigned = forged({"alg": "HS256", "kid": "rsa"}, provider.claims()).rpartition(".")[0]
    signature = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
    token = f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert "signed in a way" in await refusal(accepting(of(provider)), token)


async def test_a_key_verifies_only_what_it_was_made_for(provider: Provider) -> None:
    others: list[dict[str, Any]] = [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": 7},
        {"alg": "RS512"},
        {"kty": "oct", "k": "eA"},
    ]
    for number, member in enumerate(others):
        provider.add(f"rsa{number}", "RS256", **member)
    for number in range(5):
        assert "key" in await refusal(accepting(of(provider)), provider.token(key_id=f"rsa{number}"))


async def test_a_weak_key_is_refused_although_it_is_published(provider: Provider) -> None:
    key = rsa_key(1024)
    provider.published.append({**public(key), "kid": "weak"})
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode(provider.claims(), key, algorithm="RS256", headers={"kid": "weak"})
    assert "too weak" in await refusal(accepting(of(provider)), token)


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c"])
async def test_a_token_that_brings_its_own_key_is_refused_and_nobody_is_asked(
    name: str, provider: Provider
) -> None:
    with serving() as attacker:
        attacker.add("one")
        value: object = public(attacker.keys["one"][1]) if name == "jwk" else attacker.jwks_url
        authenticator = accepting(of(provider))
        for forger in (attacker, provider):
            token = forger.token(header={name: value}, iss=provider.url)
            assert "brings its own key" in await refusal(authenticator, token)
        assert attacker.asked == []


async def test_another_providers_signature_is_refused(provider: Provider) -> None:
    other = Provider(provider.url)
    other.add("one")
    assert "signature" in await refusal(accepting(of(provider)), other.token())


async def test_a_changed_token_is_refused(provider: Provider) -> None:
    authenticator = accepting(of(provider))
    header, claims, signature = provider.token().split(".")
    bobs = forged({}, provider.claims(sub="bob")).split(".")[1]
    for changed in (f"{header}.{bobs}.{signature}", f"{header}.{claims}.", f"{header}.{claims}.{'A' * 86}"):
        assert "signature" in await refusal(authenticator, changed)


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "x",
        "a.b",
        "..",
        "a.b.c",
        "a.b.c.d.e",
        "é.é.é",
        "e30.e30.e30",
        "bnVsbA.bnVsbA.",
        "x" * 20_000,
        forged({"alg": "EdDSA", "crit": ["x"], "x": 1}, {}),
        forged({"alg": "EdDSA", "b64": False, "crit": ["b64"]}, {}),
        forged({"alg": "EdDSA", "kid": 7}, {}),
        ".".join(base64.urlsafe_b64encode(b"[" * 3_000).decode().rstrip("=") for _ in range(3)),
    ],
)
async def test_what_is_no_token_is_refused(token: str | None, provider: Provider) -> None:
    await refusal(accepting(of(provider)), token)
    assert provider.asked == []


async def test_the_same_user_of_two_issuers_is_two_users() -> None:
    with serving() as first, serving() as second:
        first.add("one")
        second.add("one")
        authenticator = accepting(of(first), of(second, namespace="second"))
        users = [
            (await authenticator.authenticate(provider.token(sub="7"))).user_id
            for provider in (first, second)
        ]
        assert users == ["7", "second:7"]
        assert "another issuer" in await refusal(authenticator, first.token(sub="second:7"))
        both_named = accepting(of(first, namespace="a"), of(second, namespace="b"))
        assert (await both_named.authenticate(first.token(sub="b:7"))).user_id == "a:b:7"
        stolen = first.token(iss=second.url)
        assert "signature" in await refusal(authenticator, stolen)


@pytest.mark.parametrize(
    ("claims", "settings", "scopes"),
    [
        ({"scope": None}, {}, set[str]()),
        ({"scope": None}, {"scopes": ["history:read"]}, {"history:read"}),
        ({"scope": "openid history:erase"}, {"scopes": ["history:read"]}, {"history:read", "history:erase"}),
        ({"scope": None, "scp": ["history:read", 7]}, {}, {"history:read"}),
        (
            {"scope": None, "permissions": ["history:write"]},
            {"scope_claim": "permissions"},
            {"history:write"},
        ),
        ({"permissions": ["history:erase"]}, {"scope_claim": "permissions"}, {"history:erase"}),
        ({"scope": {"history:read": True}}, {}, set[str]()),
        ({"scope": "history:readwrite HISTORY:READ history"}, {}, set[str]()),
    ],
)
async def test_scopes_are_those_the_token_names_and_those_of_its_issuer(
    claims: dict[str, Any], settings: dict[str, Any], scopes: set[str], provider: Provider
) -> None:
    caller = await accepting(of(provider, **settings)).authenticate(provider.token(**claims))
    assert caller.scopes == scopes
