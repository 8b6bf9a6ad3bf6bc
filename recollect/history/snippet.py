"""The part of a text that shows best why it was found."""

from __future__ import annotations

import re
from collections import Counter

from recollect.history.query import Query
from recollect.models.terms import fold

SNIPPET_CHARS = 300
EXCERPT_CHARS = 2_000
"""As much of a text is fetched around what was found, to take a snippet out of."""
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0d7f])*")
"""A word with the marks and vowel signs that some scripts write on its letters."""


def snippet(
    excerpt: str, query: Query, *, more_before: bool, more_after: bool, limit: int = SNIPPET_CHARS
) -> tuple[str, list[tuple[int, int]]]:
    """At most `limit` characters of an excerpt with the most different words of the query, and where they
    stand in it. more_before, more_after: the excerpt is not the whole text."""
    marks = _marks(excerpt, query)
    start, end = _window(excerpt, marks, limit)
    before = "…" if more_before or start else ""
    after = "…" if more_after or end < len(excerpt) else ""
    shift = len(before) - start
    shown = [(begin + shift, stop + shift) for begin, stop, _ in marks if begin >= start and stop <= end]
    return f"{before}{excerpt[start:end]}{after}", shown


def _marks(excerpt: str, query: Query) -> list[tuple[int, int, str]]:
    """Where words of the query stand, and which ones they are."""
    found: list[tuple[int, int, str]] = []
    for word in _WORD.finditer(excerpt):
        folded = fold(word[0])
        stem = next((stem for stem in query.stems if folded.startswith(stem)), None)
        if stem is not None:
            found.append((word.start(), word.end(), stem))
    for pair in query.pairs:
        found.extend((at.start(), at.end(), pair) for at in re.finditer(re.escape(pair), excerpt))
    found.sort()
    joined: list[tuple[int, int, str]] = []
    for begin, end, what in found:
        if joined and begin < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]), joined[-1][2])
        else:
            joined.append((begin, end, what))
    return joined


def _window(excerpt: str, marks: list[tuple[int, int, str]], limit: int) -> tuple[int, int]:
    length = len(excerpt)
    if length <= limit - 2:
        return 0, length
    room = limit - 2
    best, best_start = 0, 0
    inside: Counter[str] = Counter()
    following = 0  # the first mark that is not inside, of those from this one on
    for place, (begin, _, what) in enumerate(marks):
        while following < len(marks) and marks[following][1] <= begin + room * 3 // 4:
            inside[marks[following][2]] += 1
            following += 1
        if len(inside) > best:
            best, best_start = len(inside), begin
        if following == place:  # it is wider than the window
            following += 1
        elif inside[what] > 1:
            inside[what] -= 1
        else:
            del inside[what]
    start = max(0, min(best_start - room // 4, length - room))
    if start:  # begin with a word
        blank = excerpt.find(" ", start, start + room // 8)
        start = start if blank < 0 or blank >= best_start else blank + 1
    return start, min(length, start + room)
