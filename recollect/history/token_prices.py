"""What the characters of a text cost in tokens: what is counted, and the weight of each count.

Pairs of neighbours tell the most: a word starts where a letter follows what is none, a run of signs
where a sign follows what is none. Each character belongs to one of 16 classes, so the classes of two
neighbours fit into a byte. `_pairs` makes these bytes for a whole text at once, `bytes.translate`
turns each into its price, and `sum` adds them up. However many kinds of pairs have a price, that is
one pass over the text. What a pair cannot tell needs passes of its own (`_shapes`, `_weigh_scripts`),
so little is counted that way, and nothing of a script that does not occur.

The tables from `PAIRS` to `CHARACTERS` name what is counted; `calibration` finds the weight of each
name. docs/decisions/history-token-estimate.md tells what else was tried. Below, `slim` is a text of
which each character has been cut to its first byte in UTF-8, so that a byte is a character.
"""

from __future__ import annotations

import math

_LOWER = ("ai", "eou", "c", "hf", "y", "dgtw", "kz", "bjlmnpqrsvx")
"""Letters in groups, so that there are few enough classes. `calibration` says what each group costs; which
letters belong together was found by trial."""

# All but those that are white space.
_CONTROL = "".join(map(chr, [*range(9), *range(14, 28), 127]))

_CLASSES: dict[str, str] = {
    "/": "\n\r\t\v\f\x1c\x1d\x1e\x1f",  # between columns a tab costs what a line end does
    " ": " ",
    ".": "",  # the rest of ASCII, which is signs
    "_": "_",
    "0": "0123456789",
    "9": _CONTROL,  # a token wherever they stand; so are two or three digits, see `_pairs`
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "é": "",  # all that is not ASCII
    **{group[0]: group for group in _LOWER},
}
"""The classes with their characters. Each has a sign by which the tables below name it, and its place here
is its number. The first is also what stands before a text's first character."""

_NUMBER = {sign: number for number, sign in enumerate(_CLASSES)}
_ANY = "".join(_CLASSES)
_LOWERCASE = "".join(group[0] for group in _LOWER)
_LETTERS = f"{_LOWERCASE}Aé"
_DIGITS = "09"
_SIGNS = "._"
_BREAKS = f"/ {_SIGNS}{_DIGITS}"  # all but letters

GROUPS = {**{group: group[0] for group in _LOWER}, "capital": "A"}
"""The groups of letters: name -> class."""

PAIRS: dict[str, tuple[str, str]] = {
    # o200k cuts numbers into groups of at most three digits.
    "digit_groups": (_ANY, _DIGITS),
    # A space goes with the word or the signs after it, but not with a number.
    "lone_blank": (" ", _DIGITS),
    # A line end goes with the signs before it, but not with a word or a number.
    "line_end": (f"{_LETTERS}{_DIGITS}", "/"),
    # A run of line ends, or of spaces, is one token, but not if it is endless.
    "line_ends": ("/", "/"),
    "blanks": (" ", " "),
    "sign_runs": (f"/ {_DIGITS}{_LETTERS}", _SIGNS),
    "signs": (_SIGNS, _SIGNS),
    # One sign goes with the word after it, if nothing else does (then see `sign_apart`); an
    # underscore less often, since fewer words are known with one.
    "sign_with_word": (_SIGNS, _LETTERS),
    "snake": ("_", _LETTERS),
    # Beyond ASCII these are words too, but also emoji, and the sentences of Chinese.
    "words": (_BREAKS, f"{_LOWERCASE}A"),
    "words_beyond_ascii": (_BREAKS, "é"),
    # camelCase is cut, where words that begin with a capital are whole.
    "hump": (_LOWERCASE, "A"),
    "capitalised": ("A", _LOWERCASE),
    # Letters before a digit are often no word.
    "digit_after_letter": (_LETTERS, _DIGITS),
    # Into how many tokens words are cut: by rare letters, and by what words start with, end in and
    # double, which tells the languages apart that o200k knows more or less well.
    **{name: (_ANY, sign) for name, sign in GROUPS.items()},
    **{f"{name}_twice": (sign, sign) for name, sign in GROUPS.items()},
    **{f"{name}_first": (_BREAKS, sign) for name, sign in GROUPS.items()},
    **{f"{name}_last": (sign, _BREAKS) for name, sign in GROUPS.items()},
}
"""Pairs of neighbours: name -> (classes of the first, classes of the second)."""

SHAPES = ("sign_apart", "wide_blank", "endless_word")
"""What takes more than two neighbours to see; `_shapes` counts it."""

SCRIPTS: dict[str, tuple[int, int]] = {
    "accents": (0xC3, 0xC3),
    "latin_extended": (0xC4, 0xC5),
    "cyrillic": (0xD0, 0xD1),
    "symbols": (0xE2, 0xE2),
    "han": (0xE4, 0xE9),
    "kana": (0xE3, 0xE3),
    "private_to_halfwidth": (0xEE, 0xEF),
    "arabic": (0xD8, 0xD9),
    "arabic_extended": (0xDA, 0xDB),
    "indic": (0xE0, 0xE0),
    "hangul": (0xEA, 0xED),
    "greek": (0xCE, 0xCF),
    "hebrew": (0xD6, 0xD7),
    "beyond_bmp": (0xF0, 0xF4),
    "latin_1_signs": (0xC2, 0xC2),
    "latin_other": (0xC6, 0xCD),
    "cyrillic_other": (0xD2, 0xD5),
    "syriac_to_nko": (0xDC, 0xDF),
    "georgian_to_khmer": (0xE1, 0xE1),
}
"""All characters beyond ASCII by their first byte in UTF-8: name -> (lowest, highest). Frequent ones come
first, since `_weigh_scripts` ends when it has found all of a text's."""

PARTS: dict[str, tuple[bytes, ...]] = {
    "thai": (b"\xe0\xb8", b"\xe0\xb9"),
    "vietnamese": (b"\xe1\xba", b"\xe1\xbb"),
    "cjk_punctuation": (b"\xe3\x80",),
    "newer_emoji": tuple(bytes([0xF0, 0x9F, third]) for third in (0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB)),
}
"""Parts of a script that cost more or less than the rest: name -> the bytes that they start with."""

CHARACTERS: dict[str, str] = {
    "ukrainian": "\u0456\u0457\u0454\u0491",
    "traditional": "個們這說時來對為會後過沒還學國",
}
"""Characters that tell a language which o200k knows less well than others in its script."""

NAMES = (*PAIRS, *SHAPES, *SCRIPTS, *PARTS, *CHARACTERS, "kanji")
"""All counts. kanji: Chinese characters among kana are Japanese, which o200k knows less well."""

# Tokens per count, found by `python -m calibration --write`; do not edit by hand, but to give a new name
# any weight to start from.
# fmt: off
WEIGHTS: dict[str, float] = {
    "digit_groups": 1.05, "lone_blank": 1.054, "line_end": 1.2, "line_ends": 0.06, "blanks": 0.01,
    "sign_runs": 0.998, "signs": 0.11, "sign_with_word": -0.939, "snake": 0.418, "words": 0.7,
    "words_beyond_ascii": 0.326, "hump": 1.6, "capitalised": -0.546, "digit_after_letter": 0.25,
    "ai": 0.0, "eou": 0.0, "c": 0.0, "hf": 0.542, "y": 0.0, "dgtw": 0.102, "kz": 1.0,
    "bjlmnpqrsvx": 0.0, "capital": 0.3, "ai_twice": 0.542, "eou_twice": -0.086, "c_twice": 0.172,
    "hf_twice": 0.569, "y_twice": 0.059, "dgtw_twice": 1.302, "kz_twice": 0.097,
    "bjlmnpqrsvx_twice": 0.398, "capital_twice": -0.28, "ai_first": -0.2, "eou_first": 0.014,
    "c_first": -0.2, "hf_first": -0.2, "y_first": -0.2, "dgtw_first": -0.028, "kz_first": 0.141,
    "bjlmnpqrsvx_first": 0.296, "capital_first": 0.275, "ai_last": 0.641, "eou_last": 0.024,
    "c_last": -0.2, "hf_last": -0.2, "y_last": -0.2, "dgtw_last": -0.2, "kz_last": -0.2,
    "bjlmnpqrsvx_last": -0.045, "capital_last": 0.125, "sign_apart": 0.753, "wide_blank": 0.606,
    "endless_word": 5.0, "accents": 0.816, "latin_extended": 0.823, "cyrillic": 0.24, "symbols": 1.2,
    "han": 0.792, "kana": 0.45, "private_to_halfwidth": 1.2, "arabic": 0.297, "arabic_extended": 0.374,
    "indic": 0.292, "hangul": 0.676, "greek": 0.344, "hebrew": 0.356, "beyond_bmp": 1.99,
    "latin_1_signs": 0.5, "latin_other": 0.5, "cyrillic_other": 0.5, "syriac_to_nko": 0.8,
    "georgian_to_khmer": 0.8, "thai": 0.097, "vietnamese": -1.2, "cjk_punctuation": 1.2,
    "newer_emoji": 0.154, "ukrainian": 1.2, "traditional": 1.2, "kanji": 0.385,
}
# fmt: on


def _signs() -> list[str]:
    """The class of each byte that a character can start with."""
    signs = ["." if byte < 128 else "é" for byte in range(256)]
    for sign, characters in _CLASSES.items():
        for character in characters:
            signs[ord(character)] = sign
    return signs


def _of_pair(before: str, after: str) -> list[int]:
    """The bytes that `_pairs` makes of these classes before those."""
    return [_NUMBER[one] << 4 | _NUMBER[next_one] for one in before for next_one in after]


def _pair_prices() -> tuple[bytes, int, float]:
    """The table that `bytes.translate` turns pairs into their prices with, in steps of 255 from the lowest
    price to the highest; the byte for a price of zero, since some are below; and the step in tokens."""
    prices = [0.0] * 256
    for name, (before, after) in PAIRS.items():
        for pair in _of_pair(before, after):
            prices[pair] += WEIGHTS[name]
    step = (max(prices) - min(prices)) / 254  # one less, so that zero, the most frequent price, is exact
    zero = math.ceil(-min(prices) / step)
    return bytes(zero + round(price / step) for price in prices), zero, step


# Tables for `bytes.translate` of a `slim` text: to the numbers of the classes, and to simpler pictures in
# which one pattern stands for many. Signs are ".", letters "L", all else is "x".
_CLASS = bytes(_NUMBER[sign] for sign in _signs())
_SHAPE = bytes(
    ord("L" if sign in _LETTERS else "." if sign in _SIGNS else " " if sign == " " else "x")
    for sign in _signs()
)
_BLANK = bytes(ord(" " if byte == 32 else "x") for byte in range(256))
_LATIN = bytes(shape if byte < 128 or 0xC3 <= byte <= 0xC5 else ord("x") for byte, shape in enumerate(_SHAPE))
_PRICE, _ZERO, _STEP = _pair_prices()

_ASCII = bytes(range(128))
_TAILS = bytes(range(0x80, 0xC0))  # in UTF-8, all bytes of a character but the first
_DIGIT, _DIGITS_TOGETHER = bytes([_NUMBER["0"]]), bytes([_NUMBER["9"]])

# SCRIPTS, PARTS and CHARACTERS with their weights; of the latter two also what they are a part of.
_SCRIPT = [(WEIGHTS[name], bytes(range(low, high + 1))) for name, (low, high) in SCRIPTS.items()]
_PART = [(WEIGHTS[name], start[0], start) for name, starts in PARTS.items() for start in starts]
_CHARACTER = [(WEIGHTS[name], one.encode()[0], one) for name, all_of in CHARACTERS.items() for one in all_of]
_KANA, _HAN = SCRIPTS["kana"][0], bytes(range(SCRIPTS["han"][0], SCRIPTS["han"][1] + 1))


def _pairs(slim: bytes) -> bytes:
    """A byte for each character: its class in the lower half, the class of the one before in the upper.

    Two or three digits become one character first. Then all classes together are one large number,
    which is laid over itself, shifted by a byte and a half.
    """
    classes = slim.translate(_CLASS)
    classes = classes.replace(_DIGIT * 3, _DIGITS_TOGETHER).replace(_DIGIT * 2, _DIGITS_TOGETHER)
    number, size = int.from_bytes(classes, "little"), len(classes)
    return (number | number << 12).to_bytes(size + 1, "little")[:size]


def _shapes(slim: bytes) -> tuple[int, int, int]:
    """The counts of `SHAPES`.

    sign_apart: words whose sign does not go with them, since it goes with a space or another sign.
    wide_blank: runs of spaces; all but the last are a token, or a few.
    endless_word: how often the letters of an alphabet go on for longer than words do.
    """
    shape = slim.translate(_SHAPE)
    letters = shape if slim.isascii() else slim.translate(_LATIN)
    return (
        shape.count(b"..L") + shape.count(b" .L"),
        slim.translate(_BLANK).count(b"x  "),
        letters.count(b"L" * 24),
    )


def weigh(text: str) -> float:
    """Tokens of `text`: each count times its weight. Takes time in proportion to the length."""
    data = text.encode("utf-8", "surrogatepass")
    slim = data if data.isascii() else data.translate(None, _TAILS)
    pairs = _pairs(slim)
    signs_apart, wide_blanks, endless_words = _shapes(slim)
    tokens = (
        _STEP * (sum(pairs.translate(_PRICE)) - _ZERO * len(pairs))
        + WEIGHTS["sign_apart"] * signs_apart
        + WEIGHTS["wide_blank"] * wide_blanks
        + WEIGHTS["endless_word"] * endless_words
    )
    return tokens if slim is data else tokens + _weigh_scripts(text, data, slim)


def _weigh_scripts(text: str, data: bytes, slim: bytes) -> float:
    """What the characters that are not ASCII cost beside their pairs."""
    tokens = 0.0
    left = starts = slim.translate(None, _ASCII)
    # Each script is cut out; how much shorter the rest is says how many there were.
    for weight, script in _SCRIPT:
        rest = left.translate(None, script)
        tokens += weight * (len(left) - len(rest))
        left = rest
        if not left:
            break
    for weight, script, start in _PART:
        if script in starts:
            tokens += weight * data.count(start)
    for weight, script, character in _CHARACTER:
        if script in starts:
            tokens += weight * text.count(character)
    if _KANA in starts:
        han = len(starts) - len(starts.translate(None, _HAN))
        kana = starts.count(_KANA) - sum(map(data.count, PARTS["cjk_punctuation"]))
        tokens += WEIGHTS["kanji"] * min(han, kana)
    return tokens


def count(text: str) -> dict[str, int]:
    """Every count in `text`, by the names of `NAMES`; what the calibration fits the weights to. Slow."""
    data = text.encode("utf-8", "surrogatepass")
    slim = data.translate(None, _TAILS)
    pairs = _pairs(slim)
    counts = {name: sum(map(pairs.count, _of_pair(*classes))) for name, classes in PAIRS.items()}
    counts |= zip(SHAPES, _shapes(slim), strict=True)
    counts |= {name: sum(map(slim.count, range(low, high + 1))) for name, (low, high) in SCRIPTS.items()}
    counts |= {name: sum(map(data.count, starts)) for name, starts in PARTS.items()}
    counts |= {name: sum(map(text.count, characters)) for name, characters in CHARACTERS.items()}
    counts["kanji"] = min(counts["han"], counts["kana"] - counts["cjk_punctuation"])
    return counts
