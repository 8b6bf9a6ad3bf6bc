"""From a JWT to its caller: whose it is, whether it is good, whom it names."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, cast

import jwt

from recollect.identity.caller import SCOPES, Caller
from recollect.identity.keys import Keys
from recollect.issuer_settings import IssuerSettings
from recollect.models.errors import Unauthenticated
from recollect.models.parts import storable

MAX_CHARS = 16_384
"""Longest token that is looked at."""

MAX_USER_ID_CHARS = 255

REMEMBER_SECONDS = 30.0
"""How long a token that was good is not verified again, which takes a fifth of a request's time. A
key that its issuer withdraws works so much longer."""

MOST_REMEMBERED = 10_000

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

# Keys that a token brings along, or says where to get: whoever forges one brings a fitting key.
_BROUGHT_ALONG = ("jku", "jwk", "x5u", "x5c")

_PROBLEMS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "the token has expired; get a new one from its issuer"),
    (jwt.ImmatureSignatureError, "the token is not valid yet; check the clocks"),
    (jwt.InvalidAudienceError, "the token was issued for another service (its aud)"),
    (jwt.InvalidSignatureError, "the token's signature is wrong"),
    (jwt.InvalidKeyError, "the token is signed with a key that is too weak"),
)


class Issuers:
    """Everybody whose JWTs are accepted.

    audience:  this server's own addresses: for whom a token has to be, where the settings of its
               issuer say nothing else.
    """

    def __init__(self, issuers: Iterable[IssuerSettings], audience: Sequence[str]) -> None:
        self._issuers = {settings.issuer: _Issuer(settings, audience) for settings in issuers}
        self._prefixes = tuple(
            f"{issuer.settings.namespace}:" for issuer in self._issuers.values() if issuer.settings.namespace
        )
        self._good: dict[bytes, tuple[Caller, float]] = {}

    async def caller(self, token: str) -> Caller:
        """The caller whose token this is. Raises: Unauthenticated, Unavailable."""
        if len(token) > MAX_CHARS or token.count(".") != 2:
            raise Unauthenticated("the token is not a JWT")
        hash = sha256(token.encode()).digest()
        caller, until = self._good.get(hash, (None, 0.0))
        if caller is not None and time.time() < until:
            return caller
        caller = await self._verified(token)
        if len(self._good) >= MOST_REMEMBERED:
            del self._good[next(iter(self._good))]
        self._good[hash] = (caller, min(caller.expires_at, time.time() + REMEMBER_SECONDS))
        return caller

    async def _verified(self, token: str) -> Caller:
        header, claimed = _unverified(token)
        brought = [name for name in _BROUGHT_ALONG if name in header]
        if brought:
            raise Unauthenticated(f"the token brings its own key ({brought[0]}), which is not accepted")
        name = claimed.get("iss", "")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise Unauthenticated("the token is not from an issuer that is accepted here (its iss)")
        claims = await issuer.verified(token, header)
        return Caller(
            self._user_id(issuer.settings, claims),
            _scopes(issuer.settings, claims),
            _client(claims),
            _end(claims) + issuer.settings.leeway,
        )

    def _user_id(self, settings: IssuerSettings, claims: dict[str, Any]) -> str:
        claim = claims.get(settings.user_claim)
        if not isinstance(claim, str) or not claim:
            raise Unauthenticated(f"the token names no user: its claim {settings.user_claim} is not a string")
        user_id = f"{settings.namespace}:{claim}" if settings.namespace else claim
        if len(user_id) > MAX_USER_ID_CHARS or not storable(user_id):
            raise Unauthenticated(f"the token's claim {settings.user_claim} cannot be a user id here")
        if not settings.namespace and user_id.startswith(self._prefixes):
            raise Unauthenticated("the token names a user that would look like another issuer's")
        return user_id


def _end(claims: dict[str, Any]) -> float:
    try:
        return float(claims["exp"])
    except OverflowError as error:  # of hundreds of digits
        raise Unauthenticated("the token is not accepted: its exp is no time") from error


class _Issuer:
    """One issuer, and how its signatures are verified."""

    def __init__(self, settings: IssuerSettings, audience: Sequence[str]) -> None:
        self.settings = settings
        self._keys = None if settings.secret is not None else Keys(settings)
        self._algorithms = settings.algorithms or (ASYMMETRIC if settings.secret is None else ("HS256",))
        self._audience = audience if settings.audiences is None else settings.audiences
        required = ["exp", *(["iss"] if settings.issuer else []), *(["aud"] if self._audience else [])]
        self._jwt = jwt.PyJWT({"require": required, "enforce_minimum_key_length": True, "verify_jti": False})

    async def verified(self, token: str, header: dict[str, Any]) -> dict[str, Any]:
        """The claims of a good token. Raises: Unauthenticated, Unavailable."""
        algorithm: object = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise Unauthenticated("the token is signed in a way that is not accepted from its issuer")
        try:
            return self._jwt.decode(
                token,
                await self._key(header.get("kid"), algorithm),
                algorithms=[algorithm],
                audience=self._audience or None,
                issuer=self.settings.issuer or None,
                leeway=self.settings.leeway,
            )
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"the token has no {error.claim}, which is required") from error
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise Unauthenticated(_problem(error)) from error

    async def _key(self, key_id: object, algorithm: str) -> jwt.PyJWK | bytes:
        if self.settings.secret is not None:
            return self.settings.secret.get_secret_value().encode()
        if self._keys is None:
            raise RuntimeError("an issuer has keys or a secret")
        return await self._keys.find(key_id if isinstance(key_id, str) else None, algorithm)


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a token says in its header and its claims. Nothing of it is true yet."""
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthenticated("the token is not a JWT") from error
    return found["header"], found["payload"]


def _problem(error: Exception) -> str:
    return next((text for kind, text in _PROBLEMS if isinstance(error, kind)), "the token is not accepted")


def _scopes(settings: IssuerSettings, claims: dict[str, Any]) -> frozenset[str]:
    """Of our scopes, those that the settings give and those that the token names."""
    named: set[str] = set(settings.scopes)
    for claim in (settings.scope_claim,) if settings.scope_claim else ("scope", "scp"):
        value: object = claims.get(claim)
        if isinstance(value, str):
            named.update(value.split())
        elif isinstance(value, list):
            named.update(str(entry) for entry in cast("list[object]", value))
    return frozenset(named.intersection(SCOPES))


def _client(claims: dict[str, Any]) -> str:
    for name in ("azp", "client_id"):
        value: object = claims.get(name)
        if isinstance(value, str) and storable(value):
            return value[:200]
    return ""
