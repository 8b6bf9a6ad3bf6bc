"""Getting an issuer's public keys over the network, and refusing whatever comes in their place."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2

from recollect.issuer_settings import IssuerSettings, is_safe_url

SECONDS = 5.0
"""How long a provider may take for all of it."""

MAX_BYTES = 512 * 1024

MAX_KEYS = 100


class Unfetched(Exception):
    """The keys did not come; the text is for the log."""


async def fetch_keys(issuer: IssuerSettings) -> list[dict[str, Any]]:
    """The JWKs that an issuer publishes now. Follows no redirect. Raises: Unfetched."""
    try:
        async with asyncio.timeout(SECONDS):
            found = await _get(issuer.jwks_url or await _discover(issuer.issuer))
    except TimeoutError as error:
        raise Unfetched(f"no answer within {SECONDS:.0f} seconds") from error
    keys = found.get("keys")
    if not isinstance(keys, list):
        raise Unfetched("what came is not a JWK set")
    entries = cast("list[object]", keys)[:MAX_KEYS]
    return [cast("dict[str, Any]", key) for key in entries if isinstance(key, dict)]


async def _discover(issuer: str) -> str:
    """Where the issuer's metadata say that its keys are: those of OpenID Connect, else of OAuth."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    places = (
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}",
    )
    problems: list[str] = []
    for place in places:
        try:
            metadata = await _get(place)
        except Unfetched as error:
            problems.append(str(error))
            continue
        if metadata.get("issuer") != issuer:
            problems.append(f"{place} is about another issuer")
            continue
        url = metadata.get("jwks_uri")
        if isinstance(url, str) and is_safe_url(url):
            return url
        problems.append(f"{place} names no keys at an https URL")
    raise Unfetched("; ".join(problems))


async def _get(url: str) -> dict[str, Any]:
    try:
        async with (
            httpx2.AsyncClient(timeout=SECONDS, follow_redirects=False) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                raise Unfetched(f"{url} answered {answer.status_code}")
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise Unfetched(f"{url} sent more than {MAX_BYTES} bytes")
        found: object = json.loads(content)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unfetched(f"{url}: {type(error).__name__}") from error
    except (ValueError, RecursionError) as error:
        raise Unfetched(f"{url} sent no JSON") from error
    if not isinstance(found, dict):
        raise Unfetched(f"{url} sent no JSON object")
    return cast("dict[str, Any]", found)
