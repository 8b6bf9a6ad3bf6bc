"""The weights: least squares on relative errors, within bounds, by coordinate descent.

The rows are pieces of about `PIECE_BYTES` of the samples, and each class as a whole, so that a
class's total is right and not only its typical piece. Classes weigh the same whatever their size;
in `ROUNDS` rounds those that the fit underestimates weigh more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from recollect.history.token_prices import GROUPS, NAMES, count

PIECE_BYTES = 150
CLASS_WEIGHT = 4.0
ROUNDS = 2
SWEEPS = 300

AIM = 1.01
"""Slightly above: a window that is too small by one percent is better than one that overflows."""

LETTERS = frozenset(f"{group}{where}" for group in GROUPS for where in ("", "_twice", "_first", "_last"))
"""What is counted of letters."""

RIDGE = 0.05
LETTER_RIDGE = 0.3
"""What draws a weight to zero that few samples tell about: the letters' most, since there are many of
them, and a corpus this small has a language's letters in few words."""

USUAL = (0.0, 1.2)
BOUNDS: dict[str, tuple[float, float]] = {
    # A word of one letter is the first and the last of it, and has to cost something all the same.
    "words": (0.7, 1.2),
    **dict.fromkeys(LETTERS, (-0.2, 1.5)),
    **dict.fromkeys(GROUPS, (0.0, 1.0)),
    # So has a run of capitals.
    "capital": (0.3, 1.0),
    "capital_twice": (-0.28, 1.5),
    "digit_groups": (0.9, 1.05),
    "digit_after_letter": (0.0, 0.25),
    "sign_with_word": (-1.0, 0.0),
    "hump": (0.0, 1.6),
    "capitalised": (-1.0, 0.5),
    # What no good text has, so no class of the corpus: measured on runs of one character.
    "blanks": (0.01, 0.01),
    "line_ends": (0.06, 0.06),
    "endless_word": (5.0, 5.0),
    "beyond_bmp": (1.0, 3.0),
    # What o200k needs for these beside what it needs for others with their first byte.
    "vietnamese": (-1.2, 1.2),
    "cjk_punctuation": (-1.2, 1.2),
    # Of these the corpus has little or nothing: what o200k needs for most of their characters.
    "latin_1_signs": (0.5, 1.2),
    "latin_other": (0.5, 1.2),
    "cyrillic_other": (0.5, 1.2),
    "syriac_to_nko": (0.8, 1.2),
    "georgian_to_khmer": (0.8, 1.2),
    "private_to_halfwidth": (1.0, 1.2),
}
"""What a weight may be, lowest and highest; else `USUAL`. Bounds keep a weight from explaining what it
is not about."""


class Row(NamedTuple):
    """One equation: `counts` times the weights should be `tokens`; `weight` says how much it matters."""

    counts: list[int]
    tokens: int
    weight: float


def fit(samples: dict[str, list[str]], tokens: Callable[[str], int]) -> dict[str, float]:
    """Weights by name. tokens: the true count of a text."""
    pieces = _sum(_equations(_piece_rows(texts, tokens)) for texts in samples.values())
    wholes = {name: _whole(texts, tokens) for name, texts in samples.items()}
    weights = [0.0] * len(NAMES)
    for _ in range(ROUNDS):
        weights = _solve(_sum([pieces, _equations(list(wholes.values()))]), weights)
        for name, row in wholes.items():
            error = sum(w * c for w, c in zip(weights, row.counts, strict=True)) / row.tokens - AIM
            emphasis = 1 + min(1.0, 12 * (-error if error < 0 else error / 2))
            wholes[name] = row._replace(weight=row.weight * emphasis)
    return dict(zip(NAMES, (round(weight, 3) for weight in weights), strict=True))


def _piece_rows(texts: list[str], tokens: Callable[[str], int]) -> list[Row]:
    """Rows for each piece of the samples of a class and for each sample. Shorter ones, whose errors are
    larger, weigh less."""
    rows = [row for text in texts for row in [*_pieces(text), text]]
    share = (10 / len(rows)) ** 0.5
    return [
        Row(_vector(text), tokens(text), share * min(1.0, len(text) / PIECE_BYTES) ** 0.5) for text in rows
    ]


def _whole(texts: list[str], tokens: Callable[[str], int]) -> Row:
    """One row for all samples of a class."""
    counts = [sum(column) for column in zip(*map(_vector, texts), strict=True)]
    return Row(counts, sum(map(tokens, texts)), CLASS_WEIGHT)


def _vector(text: str) -> list[int]:
    counts = count(text)
    return [counts[name] for name in NAMES]


def _pieces(text: str) -> list[str]:
    pieces: list[str] = [""]
    for word in re.findall(r"\s*\S+|\s+$", text):
        if len(pieces[-1].encode()) >= PIECE_BYTES:
            pieces.append("")
        pieces[-1] += word
    return pieces


Equations = tuple[list[list[float]], list[float]]


def _equations(rows: list[Row]) -> Equations:
    """The normal equations of the rows, each divided by its true count."""
    size = len(NAMES)
    matrix, right = [[0.0] * size for _ in range(size)], [0.0] * size
    for counts, tokens, weight in rows:
        scale = (weight / tokens) ** 2
        present = [(index, value) for index, value in enumerate(counts) if value]
        for index, value in present:
            right[index] += scale * value * tokens * AIM
            line = matrix[index]
            for other, second in present:
                line[other] += scale * value * second
    return matrix, right


def _sum(equations: Iterable[Equations]) -> Equations:
    size = len(NAMES)
    matrix, right = [[0.0] * size for _ in range(size)], [0.0] * size
    for lines, sides in equations:
        matrix = [[a + b for a, b in zip(p, q, strict=True)] for p, q in zip(matrix, lines, strict=True)]
        right = [a + b for a, b in zip(right, sides, strict=True)]
    return matrix, right


def _solve(equations: Equations, weights: list[float]) -> list[float]:
    matrix, right = equations
    weights = list(weights)
    for _ in range(SWEEPS):
        for index, name in enumerate(NAMES):
            ridge = (LETTER_RIDGE if name in LETTERS else RIDGE) ** 2
            line = matrix[index]
            rest = sum(a * w for a, w in zip(line, weights, strict=True)) - line[index] * weights[index]
            low, high = BOUNDS.get(name, USUAL)
            weights[index] = min(high, max(low, (right[index] - rest) / (line[index] + ridge)))
    return weights
