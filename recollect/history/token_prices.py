"""What the characters of a text cost in tokens: what is counted, and the weight of each count.

Pairs of neighbours tell the most: a word starts where a letter follows what is none, a run of signs
where a sign follows what is none. Each character belongs to one of 16 classes, so the classes of two
neighbours fit into a byte. `_pairs` makes these bytes for a whole text at once, `bytes.translate`
turns each into its price, and `sum` adds them up. However many kinds of pairs have a price, that is
one pass over the text. What a pair cannot tell needs passes of its own (`_shapes`, `_weigh_scripts`),
so little is counted that way, and nothing of a script that does not occur.

The tables from `PAIRS` to `CHARACTERS` name what is counted; `calibration` finds the weight of each
name. docs/decisions/history-token-estimate.md tells what else was tried.
"""

from __future__ import annotations

_LOWER = ("ai", "eou", "c", "hf", "y", "dgtw", "kz", "bjlmnpqrsvx")
"""Letters that mean about the same to the number of tokens, found by trial."""

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
"""The classes by their signs, with their characters. A class's place here is its number, so there are
at most 16. The first class is also what a text's first character follows."""

_NUMBER = {sign: number for number, sign in enumerate(_CLASSES)}
_ANY = "".join(_CLASSES)
_LOWERCASE = "".join(group[0] for group in _LOWER)
_LETTERS = f"{_LOWERCASE}Aé"
_DIGITS = "09"
_SIGNS = "._"
_BREAKS = f"/ {_SIGNS}{_DIGITS}"

GROUPS = {**{group: group[0] for group in _LOWER}, "capital": "A"}
"""The groups of letters by name, with their classes."""

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
    "words": (_BREAKS, _LETTERS),
    # camelCase is cut, where words that begin with a capital are whole.
    "hump": (_LOWERCASE, "A"),
    "capitalised": ("A", _LOWERCASE),
    "digit_after_letter": (_LETTERS, _DIGITS),
    # Into how many tokens words are cut: by rare letters, and by what words start with, end in and
    # double, which tells the languages apart that o200k knows more or less well.
    **{name: (_ANY, sign) for name, sign in GROUPS.items()},
    **{f"{name}_twice": (sign, sign) for name, sign in GROUPS.items()},
    **{f"{name}_first": (_BREAKS, sign) for name, sign in GROUPS.items()},
    **{f"{name}_last": (sign, _BREAKS) for name, sign in GROUPS.items()},
}
"""Pairs of neighbours: name -> (classes, classes of the character after it)."""

SHAPES = ("sign_apart", "wide_blank", "endless_word")
"""What takes more than two neighbours to see; `_shapes` counts them."""

SCRIPTS: dict[str, tuple[int, int]] = {
    "accents": (0xC3, 0xC3),
    "latin_extended": (0xC4, 0xC5),
    "cyrillic": (0xD0, 0xD1),
    "han": (0xE4, 0xE9),
    "kana": (0xE3, 0xE3),
    "symbols": (0xE2, 0xE2),
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
    "private_to_halfwidth": (0xEE, 0xEF),
}
"""All characters beyond ASCII, by their first byte in UTF-8: name -> (lowest, highest). What is frequent
comes first, since the search ends with the last character found."""

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
"""All that is counted. kanji: Chinese characters among kana are Japanese, which o200k knows less well."""

# Tokens per count, found by `python -m calibration --write`; do not edit by hand.
# fmt: off
WEIGHTS: dict[str, float] = {
    "digit_groups": 1.05, "lone_blank": 1.01, "line_end": 1.186, "line_ends": 0.06, "blanks": 0.01,
    "sign_runs": 1.012, "signs": 0.12, "sign_with_word": -0.813, "snake": 0.188, "words": 0.332,
    "hump": 1.473, "capitalised": -0.464, "digit_after_letter": 0.4, "ai": 0.0, "eou": 0.0, "c": 0.0,
    "hf": 0.703, "y": 0.0, "dgtw": 0.223, "kz": 1.0, "bjlmnpqrsvx": 0.0, "capital": 0.3,
    "ai_twice": 0.507, "eou_twice": 0.059, "c_twice": 0.181, "hf_twice": 0.45, "y_twice": 0.048,
    "dgtw_twice": 0.995, "kz_twice": 0.063, "bjlmnpqrsvx_twice": 0.373, "capital_twice": -0.28,
    "ai_first": -0.114, "eou_first": 0.214, "c_first": -0.29, "hf_first": -0.404, "y_first": -0.332,
    "dgtw_first": 0.152, "kz_first": 0.198, "bjlmnpqrsvx_first": 0.542, "capital_first": 0.3,
    "ai_last": 0.817, "eou_last": 0.169, "c_last": -0.396, "hf_last": -0.272, "y_last": -0.572,
    "dgtw_last": -0.203, "kz_last": -0.518, "bjlmnpqrsvx_last": 0.096, "capital_last": 0.46,
    "sign_apart": 0.643, "wide_blank": 0.668, "endless_word": 5.0, "accents": 0.804,
    "latin_extended": 0.925, "cyrillic": 0.238, "han": 0.792, "kana": 0.45, "symbols": 1.169,
    "arabic": 0.295, "arabic_extended": 0.379, "indic": 0.29, "hangul": 0.673, "greek": 0.343,
    "hebrew": 0.354, "beyond_bmp": 1.954, "latin_1_signs": 0.5, "latin_other": 0.585,
    "cyrillic_other": 0.5, "syriac_to_nko": 0.8, "georgian_to_khmer": 0.8, "private_to_halfwidth": 1.2,
    "thai": 0.099, "vietnamese": -1.126, "cjk_punctuation": 1.2, "newer_emoji": 0.387, "ukrainian": 1.2,
    "traditional": 1.2, "kanji": 0.385,
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
    """The bytes that `_pairs` has for these classes before those."""
    return [_NUMBER[one] << 4 | _NUMBER[next_one] for one in before for next_one in after]


def _pair_prices() -> tuple[bytes, float, float]:
    """The table that `bytes.translate` turns pairs into prices with. A byte holds no price, so it holds
    how many steps a price is above the lowest one. Returns the table, the lowest price (below zero),
    and the step, both in tokens."""
    prices = [0.0] * 256
    for name, (before, after) in PAIRS.items():
        for pair in _of_pair(before, after):
            prices[pair] += WEIGHTS[name]
    lowest = min(prices)
    step = (max(prices) - lowest) / 255
    return bytes(round((price - lowest) / step) for price in prices), lowest, step


# Tables for `bytes.translate`, of bytes that a character can start with.
_CLASS = bytes(_NUMBER[sign] for sign in _signs())
_SHAPE = bytes(
    ord("L" if sign in _LETTERS else "." if sign in _SIGNS else " " if sign == " " else "x")
    for sign in _signs()
)
_BLANK = bytes(ord(" " if byte == 32 else "x") for byte in range(256))
_LATIN = bytes(shape if byte < 128 or 0xC3 <= byte <= 0xC5 else ord("x") for byte, shape in enumerate(_SHAPE))
_PRICE, _LOWEST, _STEP = _pair_prices()

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

    The classes of all characters are one large number; shifted by a character and a half, it is laid
    over itself. Two or three digits have become one character before.
    """
    classes = slim.translate(_CLASS)
    classes = classes.replace(_DIGIT * 3, _DIGITS_TOGETHER).replace(_DIGIT * 2, _DIGITS_TOGETHER)
    number, size = int.from_bytes(classes, "little"), len(classes)
    return (number | number << 12).to_bytes(size + 1, "little")[:size]


def _shapes(slim: bytes) -> tuple[int, int, int]:
    """The counts of `SHAPES`: words whose sign is taken by a space or by other signs, runs of spaces, and
    how often the letters of an alphabet go on as no word does."""
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
        _LOWEST * len(pairs)
        + _STEP * sum(pairs.translate(_PRICE))
        + WEIGHTS["sign_apart"] * signs_apart
        + WEIGHTS["wide_blank"] * wide_blanks
        + WEIGHTS["endless_word"] * endless_words
    )
    return tokens if slim is data else tokens + _weigh_scripts(text, data, slim)


def _weigh_scripts(text: str, data: bytes, slim: bytes) -> float:
    """What the characters that are not ASCII cost beside their pairs."""
    tokens = 0.0
    left = starts = slim.translate(None, _ASCII)
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
    """Every count in `text`, by `NAMES`. Slow; the calibration fits the weights to it."""
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
