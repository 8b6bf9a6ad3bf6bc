"""A query as people and models write it, as what the search index is asked.

    visa appointment     any of the words; those that are rarer count more
    "visa appointment"   the message holds this, whatever its case, accents and punctuation
    -berlin  -"in may"   the message does not hold this
    deploy*              words that begin so

Everything else is words and what stands between them: no text is a syntax error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from recollect.db.search import Clauses
from recollect.models.errors import InvalidArgument
from recollect.models.parts import readable
from recollect.models.terms import fold, is_common, language_of, words

MAX_QUERY_CHARS = 10_000
MAX_CLAUSES = 40
"""Most different words of one query that count: the first ones."""

MIN_PREFIX = 3
MAX_STEM_CHARS = 100
"""A longer word is marked where one begins like it: a pattern of 10,000 letters takes the database a second
a hit."""

MIN_ASKED_WORDS = 3
MIN_ASKED_PAIRS = 5

_TOKEN = re.compile(r'(?P<not>(?<!\S)-)?"(?P<phrase>[^"]+)"|(?P<word>[^\s"]+)')
_RUN = re.compile(r"[^\W_]+|[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
_VARIANTS = {
    "a": "aàáâãäåāăą", "c": "cçćč", "d": "dďđð", "e": "eèéêëēėęě", "g": "gğ", "i": "iìíîïīį\u0131",
    "l": "lł", "n": "nñńň", "o": "oòóôõöøōő", "r": "rř", "s": "sśšş", "t": "tťţ", "u": "uùúûüūůű",
    "y": "yýÿ", "z": "zźżž",
}  # fmt: skip


@dataclass(slots=True)
class Query:
    """The clauses of a query, one entry of each list a clause; see `search_queries_v2`.

    asked:     it is a question or a sentence, not a word that is looked up.
    mark:      a regular expression of PostgreSQL that finds what the query is about in a text.
    stems:     what a folded word begins with that is marked; pairs: what is marked anywhere.
    positive:  the text without what it excludes.
    """

    kinds: list[str] = field(default_factory=list[str])
    words: list[str] = field(default_factory=list[str])
    patterns: list[str | None] = field(default_factory=list[str | None])
    language: int | None = None
    asked: bool = False
    stems: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    positive: str = ""

    def add(self, kind: str, words: str, pattern: str | None = None) -> None:
        known = zip(self.kinds, self.words, self.patterns, strict=True)
        if len(self.kinds) < MAX_CLAUSES and (kind, words, pattern) not in known:
            self.kinds.append(kind)
            self.words.append(words)
            self.patterns.append(pattern)

    @property
    def clauses(self) -> Clauses:
        """What of it the index is asked."""
        return Clauses(self.kinds, self.words, self.patterns, self.language, self.asked, self.mark)

    @property
    def mark(self) -> str:
        return "|".join([rf"\m{_folded_pattern(stem)}" for stem in self.stems] + list(self.pairs)) or r"\A"


def parse(text: object) -> Query:
    """Raises: InvalidArgument for a query that is empty, too long, or only excludes."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidArgument("query", "must be words to look for")
    if len(text) > MAX_QUERY_CHARS:
        raise InvalidArgument(
            "query", f"is {len(text)} characters long; the limit is {MAX_QUERY_CHARS}. Ask with fewer words"
        )
    query = Query()
    text = readable(text)
    positive: list[str] = []
    for token in _TOKEN.finditer(text):
        if (phrase := token["phrase"]) is not None:
            _add_phrase(query, "not" if token["not"] else "must", phrase)
            positive += [] if token["not"] else [phrase]
        elif _add_word(query, token["word"]):
            positive.append(token["word"].rstrip("*"))
    query.positive = " ".join(positive)
    looked_for = [words for kind, words in zip(query.kinds, query.words, strict=True) if kind != "not"]
    if not looked_for:
        problem = "only excludes; add what to look for" if query.kinds else "has no letter and no digit"
        raise InvalidArgument("query", problem)
    pieces = [piece for words in looked_for for piece in words.split()]
    query.language = language_of(pieces)
    telling = [piece for piece in pieces if not is_common(piece, query.language)]
    query.asked = len(text.split()) >= MIN_ASKED_WORDS or len(telling) - len(text.split()) >= MIN_ASKED_PAIRS
    query.stems = tuple(dict.fromkeys(_stem(piece) for piece in telling if _spaced(piece)))
    query.pairs = tuple(dict.fromkeys(piece for piece in pieces if not _spaced(piece)))
    return query


def _add_word(query: Query, word: str) -> bool:
    """Whether the word is looked for; else it is excluded."""
    if len(word) > 1 and word[0] == "-" and (word[1].isalpha() or not word[1].isascii()):
        excluded = " ".join(words(word[1:]))
        if excluded:
            query.add("not", excluded)
        return False
    pieces = list(words(word))
    if word[-1] == "*" and pieces:
        *pieces, beginning = list(words(word.rstrip("*"))) or pieces
        if _spaced(beginning) and len(beginning) < MIN_PREFIX:
            raise InvalidArgument(
                "query", f"{beginning}* is too short; a prefix has at least {MIN_PREFIX} letters"
            )
        query.add("prefix", beginning)
    for piece in pieces:
        # One character of a script without blanks stands at the beginning of a pair, or alone.
        query.add("prefix" if len(piece) == 1 and not _spaced(piece) else "any", piece)
    return True


def _add_phrase(query: Query, kind: str, phrase: str) -> None:
    pieces = list(dict.fromkeys(piece for run in _RUN.findall(phrase) for piece in words(run)))[:MAX_CLAUSES]
    # The last of a run of pairs is a single character, which the index has at the end of a run only.
    pieces = [piece for piece in pieces if len(piece) > 1 or _spaced(piece)] or pieces
    if pieces:
        query.add(kind, " ".join(pieces), _phrase_pattern(phrase))


def _phrase_pattern(phrase: str) -> str:
    runs = _RUN.findall(phrase)
    pattern = "[^[:alnum:]]+".join(map(_folded_pattern, runs))
    start, end = (r"\m" if _spaced(runs[0]) else ""), (r"\M" if _spaced(runs[-1]) else "")
    return f"{start}{pattern}{end}"


def _folded_pattern(word: str) -> str:
    """A regular expression for a word, with and without accents. Nothing of a word is an operator."""
    return "".join(
        f"[{_VARIANTS[char]}]" if char in _VARIANTS else char if char.isalnum() else f"[{char}]"
        for char in fold(word)
        if char not in "[]^\\"
    )


def _spaced(piece: str) -> bool:
    """Whether a piece is a word, not characters of a script that has no blanks, nor an emoji."""
    return piece[0] < "\u0e00" or "\u1e00" <= piece[0] <= "\u1fff"


def _stem(word: str) -> str:
    """What the forms of a word have in common, roughly: only for marks."""
    stem = word if len(word) < 5 or word.isdigit() else word[: max(4, len(word) - 3)]
    return stem[:MAX_STEM_CHARS]
