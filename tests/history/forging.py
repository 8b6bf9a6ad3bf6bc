"""Cursors as somebody makes them who has seen one of a list."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode


def forged(cursor: str, version: int, *place: object) -> str:
    """A cursor of the same list, with its filters, but of another version or place."""
    _, filters, *_ = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return urlsafe_b64encode(json.dumps([version, filters, *place]).encode()).decode().rstrip("=")
