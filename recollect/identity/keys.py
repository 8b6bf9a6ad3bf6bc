"""The public keys of one issuer: fetched when first needed, and kept.

A provider that is slow or down must not stop those whose keys are known. A key that was made a
moment ago has to be found although others send invented key ids, and those must not make us ask
the provider each time: whoever comes with an unknown key soon after a search that found nothing
waits for the next search.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt

from recollect.identity.fetching import Unfetched, fetch_keys
from recollect.issuer_settings import IssuerSettings
from recollect.models.errors import Unauthenticated, Unavailable

logger = logging.getLogger(__name__)

FRESH_SECONDS = 300.0
"""How long keys serve before they are fetched again."""

LONGEST_SECONDS = 24 * 3600.0
"""How long keys serve while their provider is down. A key that it withdrew works as long as that."""

SEARCH_SECONDS = 5.0
"""How long after a search for a key that is not there the next one is made."""

MOST_WAITING = 1_000
"""How many may wait for a search; the next ones are told to come again."""

RETRY_SECONDS = 5.0
"""How long after a failure the provider is left alone."""

_RSA = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))
_BY_TYPE = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): frozenset(("ES256",)),
    ("EC", "P-384"): frozenset(("ES384",)),
    ("EC", "P-521"): frozenset(("ES512",)),
    ("OKP", "Ed25519"): frozenset(("EdDSA",)),
}
"""What a key can verify. Many providers leave `alg` out; a token never decides it alone."""


class Keys:
    """The public keys of one issuer. One task at a time fetches them; the others wait for it.

    clock:         monotonic seconds.
    search_every:  seconds between two searches for keys that are not there.
    """

    def __init__(
        self,
        issuer: IssuerSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        search_every: float = SEARCH_SECONDS,
    ) -> None:
        self._issuer = issuer
        self._clock = clock
        self._search_every = search_every
        self._search_at = float("-inf")
        self._waiting = 0
        self._rounds = 0
        self._keys: Sequence[dict[str, Any]] | None = None
        self._made: dict[tuple[str | None, str], jwt.PyJWK] = {}
        self._fetched = 0.0
        self._asked = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK:
        """The key that verifies such a token.

        Raises: Unauthenticated (the issuer has none), Unavailable (nobody can tell right now).
        """
        age = self._clock() - self._fetched
        if self._keys is None or age > LONGEST_SECONDS:
            await self._fetch()
        elif age > FRESH_SECONDS:
            self._start()
        found = self._known(key_id, algorithm)
        if found is None:
            await self._search()
            found = self._known(key_id, algorithm)
        if found is None:
            self._search_at = self._clock() + self._search_every
            raise Unauthenticated("the token is not signed with a key that its issuer publishes")
        return found

    async def _search(self) -> None:
        """Fetch the keys, or wait for a fetch that begins from now on. Raises: Unavailable."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable("too many tokens with unknown keys came at once; try again in a few seconds")
        self._waiting += 1
        seen = self._rounds
        try:
            await asyncio.sleep(max(0.0, self._search_at - self._clock()))
        finally:
            self._waiting -= 1
        if self._rounds == seen or self._is_fetching():
            await self._fetch()

    def _known(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key with this id; a token without an id takes the only one of its kind."""
        made = self._made.get((key_id, algorithm))
        if made is not None:
            return made
        fitting = [
            key
            for key in self._keys or ()
            if algorithm in _algorithms(key) and (key_id is None or key.get("kid") == key_id)
        ]
        if len(fitting) != 1:
            return None
        try:
            made = jwt.PyJWK(fitting[0], algorithm)
        except jwt.PyJWTError:
            return None
        self._made[key_id, algorithm] = made
        return made

    async def _fetch(self) -> None:
        """Fetch the keys now. Raises: Unavailable."""
        # A caller who goes away does not take the others' attempt with it.
        await asyncio.shield(self._start())
        if self._failed:
            raise Unavailable("the keys of the token's issuer cannot be fetched; try again in a few seconds")

    def _start(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch_once())
        return self._fetching

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def _fetch_once(self) -> None:
        now = self._clock()
        if self._failed and now - self._asked < RETRY_SECONDS:
            return
        self._asked = now
        self._rounds += 1
        try:
            self._keys = await fetch_keys(self._issuer)
        except Unfetched as error:
            self._failed = True
            logger.warning("the keys of %s could not be fetched: %s", self._issuer.issuer, error)
        else:
            self._failed = False
            self._made.clear()
            self._fetched = self._clock()


def _algorithms(key: dict[str, Any]) -> frozenset[str]:
    """What a key may verify: nothing that is meant for something else."""
    uses = key.get("key_ops", ["verify"])
    if key.get("use", "sig") != "sig" or not isinstance(uses, list) or "verify" not in uses:
        return frozenset()
    kind = str(key.get("kty"))
    possible = _BY_TYPE.get((kind, None if kind == "RSA" else str(key.get("crv"))), frozenset[str]())
    return frozenset(name for name in possible if key.get("alg", name) == name)
