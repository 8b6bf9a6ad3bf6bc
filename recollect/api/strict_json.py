"""JSON as clients send it, read strictly: what two parsers could understand differently is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from recollect.models.errors import InvalidArgument

MAX_NAME_CHARS = 60


def parse(body: bytes, argument: str = "body") -> Any:
    """The value of a JSON text in UTF-8. Lone surrogates that stand in it as escapes are kept.

    Raises: Malformed for what is no JSON (NaN and infinities are none), InvalidArgument for an
    object that has the same name twice.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise InvalidArgument(argument, f"has an object with {shown(twice)} twice; send each name once")

    def no_constant(constant: str) -> None:
        raise Malformed(argument, f"holds {constant}, which JSON has not; send null or a string")

    try:
        return json.loads(body.decode(), object_pairs_hook=unique, parse_constant=no_constant)
    except UnicodeDecodeError as error:
        raise Malformed(argument, "is not UTF-8") from error
    except RecursionError as error:
        raise Malformed(argument, "is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise Malformed(argument, f"is not JSON: {error.msg} at character {error.pos}") from error
    except ValueError as error:  # a number with more digits than Python converts
        raise Malformed(argument, "holds a number with too many digits; send it as a string") from error


class Malformed(InvalidArgument):
    """No JSON at all, as far as this server can read it."""


def shown(name: str) -> str:
    """A name that a caller made up, as it may stand in an answer."""
    return json.dumps(name[:MAX_NAME_CHARS])
