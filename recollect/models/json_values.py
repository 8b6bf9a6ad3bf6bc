"""How many values a JSON text holds, known before they become objects: `{}` is two bytes to send, and some
hundred in memory."""

from __future__ import annotations

import re

MAX_VALUES = 2_000_000
"""Of one request; a gigabyte of memory and seconds of work lie beyond. The longest message, of 10 MB, may be
an array of as many numbers."""

# A string without an end goes on to the end: no text makes this look at anything twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def too_many_values(text: bytes) -> bool:
    """Whether a JSON text holds more than `MAX_VALUES` values, empty objects and arrays included."""
    if len(text) <= MAX_VALUES or _at_most(text) <= MAX_VALUES:
        return False
    return _at_most(_STRING.sub(b"", text)) > MAX_VALUES


def _at_most(text: bytes) -> int:
    """Every value but the outermost is the first in its array or object, or stands behind a comma."""
    return 1 + text.count(b",") + text.count(b"[") + text.count(b"{")
