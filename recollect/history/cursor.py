"""Opaque cursors of a list: where the last page ended, and which list it was a page of.

A cursor is not a secret and grants nothing: every query is scoped to its user anyway. It
carries a hash of the list's filters, so that it cannot go on in another list by mistake.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from recollect.models.errors import InvalidArgument
from recollect.models.parts import storable

MOST_BEFORE = 10_000
"""More hits than any search has."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(filters: tuple[Any, ...], at: datetime, id: str) -> str:
    return _write(1, filters, (at - _EPOCH) // timedelta(microseconds=1), id)


def decode(filters: tuple[Any, ...], cursor: str) -> tuple[datetime, str]:
    """Where the page before ended. Raises: InvalidArgument for anything `encode` did not make."""
    micros, id = _read(1, filters, cursor, (int, str))
    if not storable(id):  # one that was forged may hold anything
        raise _wrong()
    try:
        return _EPOCH + timedelta(microseconds=micros), id
    except OverflowError as error:
        raise _wrong() from error


def encode_ranked(
    filters: tuple[Any, ...], score: float, id: str, seq: int, before: int | None = None
) -> str:
    """The same for a list that is ordered by a score: the place is (score, id, seq). before: with a number,
    the ranking is the other one, and so many came up to here."""
    if before is None:
        return _write(2, filters, score, id, seq)
    return _write(3, filters, score, id, seq, before)


def decode_ranked(filters: tuple[Any, ...], cursor: str) -> tuple[float, str, int, int | None]:
    """Raises: InvalidArgument for anything `encode_ranked` did not make."""
    place = _read(2, filters, cursor, (float, str, int), (float, str, int, int))
    score, id, seq, before = place if len(place) == 4 else (*place, None)
    if not math.isfinite(score) or not 0 <= seq < 2**31 or not 0 <= (before or 0) <= MOST_BEFORE:
        raise _wrong()
    return score, id, seq, before


def _write(version: int, filters: tuple[Any, ...], *place: float | str) -> str:
    text = json.dumps([version, _digest(filters), *place], ensure_ascii=False, separators=(",", ":"))
    written = text.encode("utf-8", "surrogatepass")  # an id has none, but what was forged may
    return base64.urlsafe_b64encode(written).decode().rstrip("=")


def _read(wanted: int, filters: tuple[Any, ...], cursor: str, *types: tuple[type, ...]) -> list[Any]:
    """The place in a cursor of version `wanted`, or of those after it with the next types."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        version, digest, *place = json.loads(base64.b64decode(padded, b"-_", validate=True))
        kinds: list[type] = [type(each) for each in place]
        if (version, tuple(kinds)) not in enumerate(types, wanted):
            raise _wrong()
        if not all(storable(each) for each in place if isinstance(each, str)):
            raise _wrong()  # whoever forged it may have put anything into it
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise _wrong() from error
    if digest != _digest(filters):
        raise InvalidArgument(
            "cursor", "belongs to a list with other filters; repeat the filters of its first page"
        )
    return place


def _wrong() -> InvalidArgument:
    return InvalidArgument(
        "cursor", "is not one that this list gave; pass it as the last page gave it, or leave it out"
    )


def _digest(filters: tuple[Any, ...]) -> str:
    return hashlib.blake2b(json.dumps(filters).encode(), digest_size=6).hexdigest()
