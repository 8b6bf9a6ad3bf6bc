"""What the people of the set say, and what is asked about it later: the texts of exchanges.json.

Each exchange is written by hand, its questions too: they ask in other words than those of the
answer, as somebody does who has forgotten how it was put. `{name}` and its like are filled in from
a seed, so that the same exchange stands in the set several times, about other people and things, and
only the right one counts. The message that answers begins with a star.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple


class Exchange(NamedTuple):
    language: str
    said: list[str]
    questions: list[str]


_TEXTS: dict[str, Any] = json.loads((Path(__file__).parent / "exchanges.json").read_text(encoding="utf-8"))

FILLINGS: dict[str, list[str]] = _TEXTS["fillings"]
EXCHANGES = [Exchange(**fields) for fields in _TEXTS["exchanges"]]
CHATTER: dict[str, list[str]] = _TEXTS["chatter"]
"""What is said between exchanges, by language."""
