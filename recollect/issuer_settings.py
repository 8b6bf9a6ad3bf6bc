"""The settings of one issuer of tokens, an entry of the setting `issuers`."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

Algorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "HS256",
    "HS384",
    "HS512",
]

Scope = Literal["history:read", "history:write", "history:erase"]

LEAST_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""As many as the hash has: a shorter secret can be guessed by whoever has seen one token."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class IssuerSettings(BaseModel):
    """Somebody whose tokens (JWTs) are accepted; docs/identity.md has the usual ones.

    issuer:       the exact `iss` of its tokens. Empty: they have none, which takes a `secret`.
    jwks_url:     where its public keys are; default: found through the issuer's own metadata.
    secret:       instead of public keys, a shared secret of at least 32 bytes (HS384 48, HS512 64).
    algorithms:   those that are accepted; default: the asymmetric ones, or HS256 with a secret.
    audiences:    accepted values of `aud`; default: this server's own addresses. An empty list
                  means tokens without an audience, which takes a secret.
    user_claim:   the claim that is the user id.
    namespace:    stands before the user id, with a colon. With several issuers each has its own,
                  and at most one has none.
    scopes:       what each of its tokens allows, besides the scopes that it names. For providers
                  whose tokens name none.
    scope_claim:  the claim that names scopes; default: `scope` and `scp`.
    leeway:       seconds by which clocks may differ.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, Field(max_length=2_000)]
    jwks_url: str | None = None
    secret: SecretStr | None = None
    algorithms: tuple[Algorithm, ...] = ()
    audiences: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    user_claim: Annotated[str, Field(min_length=1)] = "sub"
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,40}$")] = ""
    scopes: tuple[Scope, ...] = ()
    scope_claim: Annotated[str, Field(min_length=1)] | None = None
    leeway: Annotated[float, Field(ge=0, le=300)] = 30.0

    @field_validator("jwks_url")
    @classmethod
    def _keys_come_safely(cls, url: str | None) -> str | None:
        if url is not None and not is_safe_url(url):
            raise ValueError("must be an https URL (http only on this machine)")
        return url

    @model_validator(mode="after")
    def _verifies_in_one_way(self) -> Self:
        if self.secret is None:
            self._check_public_keys()
        else:
            self._check_secret(self.secret)
        return self

    def _check_public_keys(self) -> None:
        if not self.issuer:
            raise ValueError("issuer may be empty with a secret only")
        if self.jwks_url is None and not is_safe_url(self.issuer):
            raise ValueError("issuer must be an https URL (http only on this machine), or give jwks_url")
        if any(algorithm.startswith("HS") for algorithm in self.algorithms):
            raise ValueError("algorithms: HS… takes a secret; public keys go with RS…, PS…, ES… and EdDSA")
        if self.audiences == ():
            raise ValueError("audiences may be empty with a secret only: an issuer has other services too")

    def _check_secret(self, secret: SecretStr) -> None:
        if self.jwks_url is not None:
            raise ValueError("secret and jwks_url exclude each other: one issuer signs in one way")
        if not LEAST_SECRET_BYTES.keys() >= set(self.algorithms):
            raise ValueError("algorithms: a secret goes with HS256, HS384 and HS512")
        least = max(LEAST_SECRET_BYTES[algorithm] for algorithm in self.algorithms or ("HS256",))
        if len(secret.get_secret_value().encode()) < least:
            raise ValueError(f"secret must have at least {least} bytes")


def is_safe_url(url: str) -> bool:
    """Whether what comes from there comes from whom it names: https, or this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
