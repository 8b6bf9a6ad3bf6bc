"""Looking into what exports hold, where anything may be missing or of another type."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from recollect.history.formats.rendered import JsonObject

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)

_NUMBER = re.compile(r"(\d{9,10}|\d{13}|\d{16}|\d{19})(\.\d+)?", re.ASCII)
"""Seconds and their parts; other counts of digits may be dates: 20250131120000."""


def text(value: JsonObject, *names: str) -> str | None:
    """The first of these fields that is a string and not empty."""
    for name in names:
        found = value.get(name)
        if isinstance(found, str) and found:
            return found
    return None


def obj(value: JsonObject, name: str) -> JsonObject:
    """A field that is an object; an empty one where it is not."""
    found = value.get(name)
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def items(value: JsonObject, name: str) -> list[Any]:
    """A field that is a list; an empty one where it is not."""
    found = value.get(name)
    return cast("list[Any]", found) if isinstance(found, list) else []


def kept(**fields: object) -> dict[str, Any]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, False)}


def time(value: object) -> datetime | None:
    """A moment: ISO 8601, or seconds, milliseconds or nanoseconds since 1970, also as a string. None for
    anything else."""
    try:
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            # Without a zone it can only be UTC: exports are made on servers.
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            seconds = float(value)
            while seconds > 1e11:
                seconds /= 1000
            moment = EPOCH + timedelta(seconds=seconds)
        else:
            return None
        return moment if EPOCH < moment < LATEST else None
    except (ValueError, OverflowError):
        return None
