"""Opaque cursors of a list: where the last page ended, and which list it was a page of.

A cursor is not a secret and grants nothing: every query is scoped to its user anyway. It
carries a hash of the list's filters, so that it cannot go on in another list by mistake.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from recollect.history.incoming import check_text
from recollect.history.scope import MAX_ID_CHARS
from recollect.models.errors import InvalidArgument

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(filters: tuple[Any, ...], at: datetime, id: str) -> str:
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    text = json.dumps([1, _digest(filters), micros, id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(filters: tuple[Any, ...], cursor: str) -> tuple[datetime, str]:
    """Where the page before ended. Raises: InvalidArgument for anything `encode` did not make."""
    wrong = InvalidArgument(
        "cursor", "is not one that this list gave; pass next_cursor as it was, or leave it out"
    )
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        version, digest, micros, id = json.loads(base64.b64decode(padded, b"-_", validate=True))
        if version != 1 or not isinstance(micros, int) or not isinstance(id, str):
            raise wrong
        at = _EPOCH + timedelta(microseconds=micros)
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise wrong from error
    if digest != _digest(filters):
        raise InvalidArgument(
            "cursor", "belongs to a list with other filters; repeat the filters of its first page"
        )
    return at, check_text("cursor", id, MAX_ID_CHARS)  # one that was forged may hold anything


def _digest(filters: tuple[Any, ...]) -> str:
    return hashlib.blake2b(json.dumps(filters).encode(), digest_size=6).hexdigest()
