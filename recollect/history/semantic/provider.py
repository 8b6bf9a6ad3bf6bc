"""Asking a model for vectors, at any endpoint that speaks OpenAI's `/embeddings`, and refusing whatever
else comes in their place. Nothing of a text or a key is in an error."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from array import array
from collections.abc import Sequence
from typing import Any, cast

import httpx2

from recollect.settings import Settings

MAX_BYTES = 32 * 1024 * 1024
MAX_DIMENSIONS = 16_000
"""As many as pgvector takes."""

REFUSED = (400, 413, 422)


class NoVectors(Exception):
    """No vectors came; the text is for the log."""


class Refused(NoVectors):
    """The provider does not take this input, such as one that is too long for its model."""


class Provider:
    """The endpoint of the settings. `close` it."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"{(settings.embeddings_url or '').rstrip('/')}/embeddings"
        # As OpenAI's own client asks; servers that do not know it answer with lists of numbers.
        self._asked: dict[str, object] = {"model": settings.embeddings_model, "encoding_format": "base64"}
        if settings.embeddings_dimensions is not None:
            self._asked["dimensions"] = settings.embeddings_dimensions
        key = settings.embeddings_key
        self._client = httpx2.AsyncClient(
            headers={} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"},
            follow_redirects=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def vectors(self, texts: Sequence[str], seconds: float) -> list[list[float]]:
        """A vector of length 1 for each text. Follows no redirect. Raises: NoVectors, Refused."""
        try:
            async with asyncio.timeout(seconds):
                content = await self._post(
                    json.dumps({**self._asked, "input": list(texts)}).encode(), seconds
                )
        except TimeoutError as error:
            raise NoVectors(f"no answer within {seconds:g} seconds") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NoVectors(type(error).__name__) from error
        return _read(content, len(texts))

    async def _post(self, body: bytes, seconds: float) -> bytes:
        async with self._client.stream(
            "POST", self._url, content=body, headers={"Content-Type": "application/json"}, timeout=seconds
        ) as answer:
            if answer.status_code != 200:
                kind = Refused if answer.status_code in REFUSED else NoVectors
                raise kind(f"it answered {answer.status_code}")
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise NoVectors(f"it sent more than {MAX_BYTES} bytes")
        return bytes(content)


def _read(content: bytes, count: int) -> list[list[float]]:
    """The vectors of an answer, in the order of the texts. Raises: NoVectors."""
    try:
        found: Any = json.loads(content)
        data = sorted(found["data"], key=lambda one: one["index"])
        if [one["index"] for one in data] != list(range(count)):
            raise NoVectors("it sent not one vector for each text")
        vectors = [_unit(one["embedding"]) for one in data]
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise NoVectors("what it sent are no embeddings") from error
    if len({len(vector) for vector in vectors}) > 1:
        raise NoVectors("it sent vectors of several lengths")
    return vectors


def _unit(sent: object) -> list[float]:
    """A vector as it was sent, made 1 long. Raises: ValueError and its like for anything else."""
    if isinstance(sent, str):
        numbers = array("f")
        numbers.frombytes(base64.b64decode(sent, validate=True))
        values = numbers.tolist()
    else:
        values = [float(cast("float", each)) for each in cast("list[object]", sent)]
    length = math.hypot(*values)
    if not (0 < len(values) <= MAX_DIMENSIONS and length > 0 and math.isfinite(length)):
        raise ValueError
    return [value / length for value in values]
