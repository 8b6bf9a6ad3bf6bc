"""How many tokens a text costs a model: an estimate, made once, when a message is appended.

No download, no vocabulary, nothing to import. The text is seen in a few ways (which characters are
letters, digits, signs, spaces; upper and lower case; what is not ASCII), each made by one
`bytes.translate`; what matters to a tokenizer is counted in them by `bytes.count`: where words,
numbers and runs of signs start, letters that rare words are made of, endings that tell one language
from another, characters by script. The estimate is the weighted sum. `calibration` finds the
weights against o200k; docs/tokens.md has the errors. A count that the caller knows from its
provider is always preferred to this one.
"""

from __future__ import annotations

import json
import math
from typing import Any, cast

from recollect.models.message import Part
from recollect.models.parts import part_text

ESTIMATOR = "e1"
"""The version of the estimate, which receipts name. It changes whenever any text's estimate does."""

MESSAGE_OVERHEAD = 4
"""Tokens that a message costs beside its content (role and separators; OpenAI's cookbook on
counting tokens gives 3 to 4)."""

IMAGE_TOKENS = 765
"""What a 1024 x 1024 image costs at high detail, by OpenAI's guide to vision."""

SAFETY: dict[str, float] = {"openai": 1.0, "anthropic": 1.47, "gemini": 1.15, "other": 1.47}
"""By how much a family of models may count more tokens than the estimate, which follows o200k.

openai:     o200k itself.
anthropic:  Claude from 4.7 on counts 1 to 1.35 times what 4.6 counts, by Anthropic's own notes; 1.2
            to 1.47 was measured on Latin text. Both compare with Claude 4.6: how that one compares
            with o200k could not be measured, since no tokenizer of Claude's is public.
gemini:     not measured either. Google's guide says 4 characters a token; o200k has about 4.5 on
            English, 1.13 times as many.
other:      unknown, so the largest of these.

The estimate's own error comes on top (docs/tokens.md).
"""

WHOLE_CHARS = 65_536
"""Longer texts are estimated from `_SLICES` slices, evenly spread, of together this many characters."""
_SLICES = 64


def _view(**classes: str) -> bytes:
    """A table for `bytes.translate`: the characters of each class become the class's sign."""
    table = bytearray(b"." * 128 + b"L" * 128)
    for sign, characters in classes.items():
        for character in characters.encode("latin-1"):
            table[character] = ord(_SIGNS.get(sign, sign))
    return bytes(table)


_SIGNS = {"space": " ", "tab": "t", "end": "n", "digit": "0", "control": "c", "other": "."}
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_HIGH = "".join(map(chr, range(128, 256)))
_CONTROL = "".join(map(chr, [*range(9), 11, 12, *range(14, 32), 127]))
_SHAPE = _view(
    L=_LOWER + _LOWER.upper(), digit="0123456789", space=" ", tab="\t", end="\r\n", control=_CONTROL
)
_CASE = _view(a=_LOWER, A=_LOWER.upper(), other=_HIGH)
_WORDS = bytes(76 if sign == 76 else 120 for sign in _SHAPE)  # L for letters, x for all else
_MARKS = bytes(46 if sign == 46 else 120 for sign in _SHAPE)
_BLANKS = bytes(32 if sign == 32 else 120 for sign in _SHAPE)
_LATIN = bytes(
    97 if (chr(sign).isascii() and chr(sign).isalpha()) or sign in (0xC3, 0xC4, 0xC5) else 46
    for sign in range(256)
)
_ASCII = bytes(range(128))
_TAILS = bytes(range(0x80, 0xC0))  # all bytes but the first of each character, in UTF-8

Patterns = tuple[bytes, ...]


def _any(*patterns: str) -> Patterns:
    return tuple(pattern.encode() for pattern in patterns)


def _lead(first: int, last: int) -> Patterns:
    """The characters whose first byte in UTF-8 lies in a range."""
    return tuple(bytes([byte]) for byte in range(first, last + 1))


# What is counted: name -> (where, patterns that add, patterns that take away).
# The names of places are those in `_views`.
COUNTS: dict[str, tuple[str, Patterns, Patterns]] = {
    # o200k cuts numbers into groups of at most three digits.
    "digit_groups": ("digits", (b"1", b"0"), ()),
    # A space goes with the word after it, but not with a number; a tab goes with neither sign.
    "lone_blank": ("shape", (b" 0", b"t0", b"t."), ()),
    "line_end": ("shape", (b"Ln", b"0n"), ()),
    "wide_blank": ("blanks", (b"x  ",), ()),
    "tabs": ("shape", (b"tt",), ()),
    "endless_blank": ("blanks", (b" " * 100,), ()),
    "endless_lines": ("shape", (b"n" * 12,), ()),
    "control": ("shape", (b"c",), ()),
    # One sign goes with the word after it; in longer runs none does.
    "sign_with_word": ("shape", (b".L",), (b"..L", b" .L")),
    "sign_runs": ("marks", (b"x.",), ()),
    "signs": ("marks", (b".",), (b"x.",)),
    "words": ("words", (b"xL",), ()),
    "hump": ("case", (b"aA",), ()),
    "capitals_then_word": ("case", (b"AAa",), ()),
    "capitals": ("case", (b"AA",), ()),
    "digit_after_letter": ("shape", (b"L0",), ()),
    "letter_after_digit": ("shape", (b"0L",), ()),
    "long_word": ("latin", (b"a" * 9,), ()),
    "endless_word": ("latin", (b"a" * 24,), ()),
    **{letter: ("lower", (letter.encode(),), ()) for letter in _LOWER},
    # What betrays a language whose words the vocabulary knows better, or less well, than its
    # letters let expect.
    "english": ("lower", _any(" the ", " and ", " of ", " to "), ()),
    "italian": (
        "lower",
        _any(" il ", " che ", " di ", " un ", " per ", " con ", " non ", "gli", "zion", "cc", "zz", "gg"),
        (),
    ),
    "finnish": ("lower", _any("aa", "ii", "uu", "kk", "lle", "ksi", " ja ", "uo"), ()),
    "swedish": ("lower", _any(" och ", " att ", " det "), ()),
    "swedish_letter": ("rare", _any("å"), ()),
    "czech": ("rare", _any("ě", "ř", "ů"), ()),
    "turkish": ("lower", _any("lar", "ler", "dan", "den"), ()),
    # Scripts.
    "latin_1_signs": ("leads", _lead(0xC2, 0xC2), ()),
    "accents": ("leads", _lead(0xC3, 0xC3), ()),
    "latin_extended": ("leads", _lead(0xC4, 0xC5), ()),
    "latin_other": ("leads", _lead(0xC6, 0xCD), ()),
    "greek": ("leads", _lead(0xCE, 0xCF), ()),
    "cyrillic": ("leads", _lead(0xD0, 0xD1), ()),
    "ukrainian": ("rare", _any("\u0456", "\u0457", "\u0454", "\u0491"), ()),
    "cyrillic_other": ("leads", _lead(0xD2, 0xD5), ()),
    "hebrew": ("leads", _lead(0xD6, 0xD7), ()),
    "arabic": ("leads", _lead(0xD8, 0xD9), ()),
    "arabic_extended": ("leads", _lead(0xDA, 0xDB), ()),
    "syriac_to_nko": ("leads", _lead(0xDC, 0xDF), ()),
    "devanagari": ("rare", (b"\xe0\xa4", b"\xe0\xa5"), ()),
    "thai": ("rare", (b"\xe0\xb8", b"\xe0\xb9"), ()),
    "indic": ("leads", (b"\xe0",), ()),
    "vietnamese": ("rare", (b"\xe1\xba", b"\xe1\xbb"), ()),
    "georgian_to_khmer": ("leads", (b"\xe1",), ()),
    "punctuation": ("rare", (b"\xe2\x80",), ()),
    "symbols": ("leads", (b"\xe2",), ()),
    "kana": ("rare", (b"\xe3\x81", b"\xe3\x82", b"\xe3\x83"), ()),
    "cjk_punctuation": ("rare", (b"\xe3\x80", b"\xef\xbc"), ()),
    "han": ("leads", _lead(0xE4, 0xE9), ()),
    "traditional": ("rare", _any(*"個們這說時來對為會後過沒還學國"), ()),
    "hangul": ("leads", _lead(0xEA, 0xED), ()),
    "private_to_halfwidth": ("leads", (b"\xee", b"\xef"), ()),
    "beyond_bmp": ("leads", _lead(0xF0, 0xF4), ()),
    "faces": ("rare", (b"\xf0\x9f\x98",), ()),
    "newer_emoji": (
        "rare",
        tuple(b"\xf0\x9f" + bytes([b]) for b in (0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB)),
        (),
    ),
    "joiner": ("rare", _any("\u200d"), ()),
    "blank_before_emoji": ("slim", (b" \xf0",), ()),
    "blank_before_symbol": ("slim", (b" \xe2",), ()),
}

# Tokens per count, found by `python -m calibration --write`; do not edit by hand.
# fmt: off
WEIGHTS: dict[str, float] = {
    "digit_groups": 1.05, "lone_blank": 1.135, "line_end": 1.2, "wide_blank": 0.509, "tabs": 0.5,
    "endless_blank": 1.0, "endless_lines": 0.8, "control": 0.5, "sign_with_word": -0.691,
    "sign_runs": 1.023, "signs": 0.089, "words": 0.483, "hump": 0.9, "capitals_then_word": 1.026,
    "capitals": 0.0, "digit_after_letter": 0.366, "letter_after_digit": 0.0, "long_word": 0.0,
    "endless_word": 5.0, "a": 0.264, "b": 0.05, "c": 0.05, "d": 0.05, "e": 0.05, "f": 0.149, "g": 0.05,
    "h": 0.557, "i": 0.05, "j": 0.252, "k": 0.475, "l": 0.05, "m": 0.05, "n": 0.05, "o": 0.05,
    "p": 0.05, "q": 0.223, "r": 0.05, "s": 0.233, "t": 0.05, "u": 0.281, "v": 0.05, "w": 0.6,
    "x": 0.123, "y": 0.05, "z": 0.92, "english": -0.3, "italian": 1.853, "finnish": 1.25,
    "swedish": 1.329, "swedish_letter": 1.328, "czech": 0.745, "turkish": 0.3, "latin_1_signs": 0.5,
    "accents": 0.941, "latin_extended": 0.976, "latin_other": 0.558, "greek": 0.315, "cyrillic": 0.211,
    "ukrainian": 1.2, "cyrillic_other": 0.5, "hebrew": 0.318, "arabic": 0.261, "arabic_extended": 0.309,
    "syriac_to_nko": 0.8, "devanagari": -0.012, "thai": 0.119, "indic": 0.265, "vietnamese": -0.876,
    "georgian_to_khmer": 0.8, "punctuation": 0.052, "symbols": 1.191, "kana": 0.448,
    "cjk_punctuation": 1.2, "han": 0.734, "traditional": 1.2, "hangul": 0.622,
    "private_to_halfwidth": 1.2, "beyond_bmp": 1.94, "faces": 0.069, "newer_emoji": 0.722,
    "joiner": 0.0, "blank_before_emoji": -0.6, "blank_before_symbol": -0.015, "kanji": 0.535,
}
# fmt: on


def _compile() -> dict[str, list[tuple[float, bytes, bytes]]]:
    """Weighted patterns by place: (tokens each, pattern, single bytes that cost the same).

    Patterns that cost nothing are left out, and single bytes of one weight are counted at once.
    """
    summed: dict[str, dict[bytes, float]] = {}
    for name, (place, adding, taking) in COUNTS.items():
        for sign, patterns in ((1.0, adding), (-1.0, taking)):
            for pattern in patterns:
                here = summed.setdefault(place, {})
                here[pattern] = here.get(pattern, 0.0) + sign * WEIGHTS[name]
    compiled: dict[str, list[tuple[float, bytes, bytes]]] = {}
    for place, here in summed.items():
        single: dict[float, bytes] = {}
        terms = compiled.setdefault(place, [])
        for pattern, weight in here.items():
            if not weight:
                continue
            if len(pattern) == 1:
                single[weight] = single.get(weight, b"") + pattern
            else:
                terms.append((weight, pattern, b""))
        for weight, group in single.items():
            terms.append((weight, group, b"") if len(group) == 1 else (weight, b"", group))
    return compiled


def _views(data: bytes) -> dict[str, bytes]:
    """The text as each place of `COUNTS` sees it; the last three only where it is not ASCII.

    slim has one byte a character, the first; leads those of them that are not ASCII.
    rare is all that is not ASCII, whole.
    """
    slim = data if data.isascii() else data.translate(None, _TAILS)
    shape = slim.translate(_SHAPE)
    views = {
        "shape": shape,
        "digits": shape.replace(b"000", b"1").replace(b"00", b"1"),
        "case": slim.translate(_CASE),
        "words": b"x" + slim.translate(_WORDS),
        "marks": b"x" + slim.translate(_MARKS),
        "blanks": slim.translate(_BLANKS),
        "latin": slim.translate(_LATIN),
        "lower": slim.lower(),
    }
    if slim is not data:
        views["slim"] = slim
        views["leads"] = slim.translate(None, _ASCII)
        views["rare"] = data.translate(None, _ASCII)
    return views


def count(text: str) -> dict[str, int]:
    """Every count of `COUNTS` in `text`, and `kanji`; for the calibration."""
    views = _views(text.encode("utf-8", "surrogatepass"))
    counts: dict[str, int] = {}
    for name, (place, adding, taking) in COUNTS.items():
        view = views.get(place, b"")
        counts[name] = sum(map(view.count, adding)) - sum(map(view.count, taking))
    counts["kanji"] = min(counts["han"], counts["kana"])
    return counts


_TERMS = _compile()


def _weigh(text: str) -> float:
    tokens = 0.0
    views = _views(text.encode("utf-8", "surrogatepass"))
    for place, view in views.items():
        for weight, pattern, group in _TERMS[place]:
            if group:
                tokens += weight * (len(view) - len(view.translate(None, group)))
            elif place != "rare" or pattern[0] in views["leads"]:
                tokens += weight * view.count(pattern)
    leads = views.get("leads")
    if leads and b"\xe3" in leads:
        # Chinese characters between kana are Japanese, which o200k knows less well.
        han = len(leads) - len(leads.translate(None, b"".join(COUNTS["han"][1])))
        tokens += WEIGHTS["kanji"] * min(han, sum(map(views["rare"].count, COUNTS["kana"][1])))
    return tokens


def estimate(text: str) -> int:
    """Tokens of `text` in o200k, roughly; at least 1, and 0 only for the empty text.

    Takes some 60 ns a character (twice that where it is not ASCII), and at most about 10 ms for a text
    of any length: see `WHOLE_CHARS`.
    """
    length = len(text)
    if not length:
        return 0
    if length <= WHOLE_CHARS:
        return max(1, math.ceil(_weigh(text)))
    size = WHOLE_CHARS // _SLICES
    starts = (index * (length - size) // (_SLICES - 1) for index in range(_SLICES))
    sampled = "".join([text[start : start + size] for start in starts])
    return math.ceil(_weigh(sampled) * length / WHOLE_CHARS)


def estimate_message(text: str, parts: list[Part] | None) -> int:
    """Tokens of a whole message: its readable text, what its parts add, and the overhead.

    text:   what a person reads, the contents of tool results included.
    parts:  the content where it is a list; their texts are in `text` already.
    """
    return MESSAGE_OVERHEAD + estimate(text) + sum(map(_beside_text, parts or ()))


def _beside_text(part: Part) -> int:
    """What a part costs beside the text that it shows."""
    kind = part["type"]
    if kind == "tool_call":
        arguments = part["arguments"]
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        return estimate(part["name"]) + estimate(arguments)
    if kind == "reasoning":
        words = part.get("text")
        return estimate(words) if isinstance(words, str) else 0
    if kind == "image":
        return IMAGE_TOKENS
    if kind == "tool_result" and isinstance(part["content"], list):
        return sum(map(_beside_text, cast("list[dict[str, Any]]", part["content"])))
    return 0


def budget_for(max_tokens: int, family: str) -> int:
    """How many estimated tokens to plan for `max_tokens` of a family of models; see `SAFETY`."""
    return int(max_tokens / SAFETY.get(family, SAFETY["other"]))


def estimate_part(part: Part) -> int:
    """Tokens of one part: the text that it shows, and what it costs beside that."""
    return estimate(part_text(part)) + _beside_text(part)
