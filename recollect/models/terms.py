"""What the search index holds of a message beside its words: the forms under which people look for them.

PostgreSQL's parser and stemmers do plain words well. What they do not do is made here, for messages
when they are appended and for queries alike:

- accents, case and width are folded, so that `Zurich` finds `Zürich`;
- text without blanks between words (Chinese, Japanese, Korean, Thai and their like) becomes pairs of
  neighbouring characters, since no database has a parser for it by itself;
- identifiers and file names are found whole (`loadcontext`) and by their parts (`load`, `context`);
- an emoji is a word.

Pure functions. A change of what they give needs the messages that are there to be indexed again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Literal

MAX_INDEXED_CHARS = 250_000
"""As much of a text is indexed: PostgreSQL's limit for one message's words is a megabyte."""

MAX_TERMS_BYTES = 150_000

LANGUAGES = (
    "english",
    "german",
    "french",
    "spanish",
    "portuguese",
    "italian",
    "dutch",
    "swedish",
    "russian",
    "greek",
    "arabic",
    "hindi",
)
"""PostgreSQL's names of the languages whose words are stemmed; a message stores the place of its own."""

# Words that stand in nearly every sentence of a language, folded.
_COMMON = {
    "english": "the and of to is in that it was for you with on are this have not be what i my",
    "german": "und der die das ist nicht ich wir mit ein eine den dem auf fur sich auch wie es zu von wird",
    "french": "le la les des et est pas que une un dans pour qui sur avec nous vous je il elle ce sont du",
    "spanish": "el la los las de que y en un una es no se por con para como pero su lo esta muy del",
    "portuguese": "o os as de que e em um uma nao se por com para como mas seu foi voce esta muito do da",
    "italian": "il lo la gli le di che e un una non per con sono come ma questo alla della anche ho mi",
    "dutch": "de het een en van ik je dat niet is op te zijn voor met maar ook wij naar aan er",
    "swedish": "och att det som en ett ar inte jag pa for med den av har vi till kan om",
}
_ENGLISH, *_OTHERS = [(LANGUAGES.index(name), frozenset(words.split())) for name, words in _COMMON.items()]
MAX_JUDGED_WORDS = 100

_SCRIPTS = (
    (LANGUAGES.index("russian"), re.compile("[\u0400-\u04ff]")),
    (LANGUAGES.index("greek"), re.compile("[\u0370-\u03ff]")),
    (LANGUAGES.index("arabic"), re.compile("[\u0600-\u06ff]")),
    (LANGUAGES.index("hindi"), re.compile("[\u0900-\u097f]")),
)

# Scripts that are written without blanks between words, and Korean, whose words carry their particles.
_UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff々〆"
)
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
# \w has no combining marks, which belong to the words of many scripts.
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"
)
_PIECES = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)|(?P<emoji>[{_EMOJI}])|(?P<word>(?:(?![{_UNSPACED}{_EMOJI}_])[\w{_MARKS}])+)"
)
_THAI_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"
_UNIT = re.compile(f"[^{_THAI_MARKS}][{_THAI_MARKS}]*")

# Where two pieces of a compound meet (`XMLParser` is one, but not `APIs`). It begins with the characters that
# are rare, which are found in half the time if they are one class.
_JOINT = re.compile(
    r"[A-Z_./@:\\-](?:(?<=[a-z0-9][A-Z])|(?<=[A-Z][A-Z])(?=[a-z]{2})|(?<=[A-Za-z0-9][_./@:\\-])(?=[A-Za-z0-9_]))"
)
_COMPOUND = re.compile(r"[A-Za-z0-9]+(?:[_./@:\\-]+[A-Za-z0-9]+)*")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SEPARATORS = re.compile(r"[_./@:\\-]+")
MAX_WHOLE_CHARS = 60

_KNOWN = b"abcdefghijklmnopqrstuvwxyz0123456789"
"""The characters of the words that PostgreSQL's parser finds by itself."""

_SEPARATED = bytes(byte if byte in _KNOWN else ord(" ") for byte in range(256))

# What decomposition leaves whole.
_LETTERS = str.maketrans(
    {
        "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "þ": "th", "ð": "d",
        "\u0131": "i",  # Turkish, without a dot
        "\u0622": "\u0627", "\u0623": "\u0627", "\u0625": "\u0627",  # the forms of alef
        "\u0649": "\u064a", "\u0629": "\u0647", "\u0640": "",  # alef maksura, teh marbuta, tatweel
        "\u0451": "\u0435",  # ё
    }
)  # fmt: skip
_DROPPED = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\ufe00-\ufe0f\u200b-\u200f\u2060\ufeff\U0001f3fb-\U0001f3ff]"
)
_KEEPS_MARKS = re.compile("[\u0400-\u052f]")

_MANY_MARKS = re.compile(r"((?:[^\w\s\x00-\x7f]|[\uff9e\uff9f]){100})")
"""What may be marks on one letter, as no script has so many: all marks are among these characters, and the
two word characters that become one. Unicode puts the marks of a letter into an order, which takes the square
of their number."""

_REMEMBERED_CHARS = 100
"""Longest word of which the folded form is remembered."""


def fold(text: str) -> str:
    """`text` in lower case, without accents, and in ordinary width."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_word, re.split(r"(\s)", _normal("NFKC", text).casefold())))


def _fold_word(word: str) -> str:
    if word.isascii():
        return word
    return _fold_short(word) if len(word) <= _REMEMBERED_CHARS else _fold_any(word)


def _fold_any(word: str) -> str:
    word = word.translate(_LETTERS)
    if _KEEPS_MARKS.search(word):  # й is not и with an accent
        return word
    # Only marks are taken off; what else decomposed (Hangul) is put together again.
    return _normal("NFC", _DROPPED.sub("", _normal("NFD", word)))


_fold_short = lru_cache(maxsize=20_000)(_fold_any)


def _normal(form: Literal["NFC", "NFD", "NFKC"], text: str) -> str:
    if len(text) <= 1_000:
        return unicodedata.normalize(form, text)
    return "".join([unicodedata.normalize(form, piece) for piece in _MANY_MARKS.split(text)])


def words(text: str) -> Iterator[str]:
    """The searchable words of a text, folded: words, pairs of unspaced characters, emoji, and the
    whole forms and the parts of identifiers after them."""
    yield from _pieces(text)
    yield from compounds(text)


def _pieces(text: str) -> Iterator[str]:
    for found in _PIECES.finditer(fold(text)):
        match found.lastgroup:
            case "unspaced":
                yield from pairs(found[0])
            case "emoji":
                yield f"e{ord(found[0]):x}"
            case _:
                yield found[0]


def pairs(run: str) -> Iterator[str]:
    """Each character with the next, and the last alone: a prefix finds every single one."""
    units = _UNIT.findall(run) or [run]
    for first, second in pairwise(units):
        yield first + second
    yield units[-1]


def compounds(text: str) -> Iterator[str]:
    """What identifiers, file names, addresses and hyphenated words are found by, beside the pieces
    between their punctuation: `load_context` by `loadcontext`, `ReadTimeout` by `read` and `timeout`."""
    end = 0
    for joint in _JOINT.finditer(text):
        start = joint.start()
        if start < end:
            continue
        start = max(text.rfind(blank, max(0, start - MAX_WHOLE_CHARS), start) for blank in " \n\t") + 1
        for found in _COMPOUND.finditer(text, max(start, end)):
            end = found.end()
            if end > joint.start():
                break
        else:
            break
        whole = found[0]
        segments = _SEPARATORS.split(whole)
        if len(segments) > 1 and len(whole) <= MAX_WHOLE_CHARS:
            yield "".join(segments).lower()
            file = _SEPARATORS.split(re.split(r"[/\\:@]+", re.sub(r":\d+$", "", whole))[-1])
            if 1 < len(file) < len(segments):
                yield "".join(file).lower()
        for segment in segments:
            parts = _CAMEL.findall(segment)
            if len(parts) > 1:
                yield from (part.lower() for part in parts)


def terms_of(text: str, author: str | None) -> tuple[str | None, int | None]:
    """The columns `terms` and `language` of a message.

    terms:     None where PostgreSQL's parser finds all in the text itself; with a blank in front
               where these stand beside the text; without, where these stand instead of it.
    language:  the place in `LANGUAGES`; None for the first.
    """
    text = text[:MAX_INDEXED_CHARS]
    if author is not None:
        text = f"{author} {text}"
    if text.isascii():
        more = dict.fromkeys(compounds(text))
        return (_joined(" ", more) if more else None), language_of(_start(text))
    # Most text has a few accents, quotes or dashes: only the words that they are in are taken apart.
    pieces = list(_pieces(" ".join([word for word in text.split() if not word.isascii()])))
    judged = _start(text)
    if not all(map(str.isascii, pieces)):
        pieces = judged = list(words(text))
        foreign = sum(not piece.isascii() for piece in pieces)
        if 3 * foreign > len(pieces) or (foreign and re.search(f"[{_UNSPACED}]", text)):
            return _joined("", pieces), _script(text) or language_of(pieces)
    else:
        pieces += compounds(text)
    known = set(text.lower().encode().translate(_SEPARATED).split())
    more = dict.fromkeys([piece for piece in pieces if piece.encode() not in known])
    return (_joined(" ", more) if more else None), language_of(judged)


def _start(text: str) -> list[str]:
    """The first words, folded."""
    return [word if word.isascii() else fold(word) for word in text[:1_000].lower().split()]


def language_of(pieces: list[str]) -> int | None:
    """The language that most of the common words are of; None for English, and where it is not clear."""
    seen = set(pieces[:MAX_JUDGED_WORDS])
    english = len(seen & _ENGLISH[1])
    if english > 3:
        return None
    best, place = max((len(seen & common), -place) for place, common in _OTHERS)
    return -place if best > max(1, english) else None


def is_common(word: str, language: int | None) -> bool:
    """Whether a word stands in nearly every sentence of a language."""
    return word in _COMMON.get(LANGUAGES[language or 0], "").split()


def _script(text: str) -> int | None:
    best, place = max((len(letters.findall(text)), place) for place, letters in _SCRIPTS)
    return place if best > len(text) // 4 else None


def _joined(before: str, pieces: dict[str, None] | list[str]) -> str:
    joined = before + " ".join(pieces)
    if len(joined.encode()) <= MAX_TERMS_BYTES:
        return joined
    return joined.encode()[:MAX_TERMS_BYTES].decode(errors="ignore")
