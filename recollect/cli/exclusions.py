"""`recollect search visa -berlin`: a word to leave out, not five options of one letter."""

from __future__ import annotations

import re
from collections.abc import Sequence

_EXCLUSION = re.compile(r'-[^\W_]{2}|-"')
"""How one begins. Options are written in full (`--limit`), but for `-h`."""


def exclusions_last(arguments: Sequence[str]) -> list[str]:
    """The same, with the words that are to be left out behind `--`, where nothing is an option."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    words = [each for each in arguments[:end] if _EXCLUSION.match(each)]
    others = [each for each in arguments[:end] if not _EXCLUSION.match(each)]
    return [*others, "--", *words, *arguments[end + 1 :]]
