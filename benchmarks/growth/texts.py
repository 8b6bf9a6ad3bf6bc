"""What made-up people and their agents say: about 500 bytes a message, cheap to make by the million.

A text is a few sentences out of many that were made beforehand, whose words come as often as those of a
language do. Beside them a message may name something that no other conversation names: a person with a
number, a file. So the index has a vocabulary that grows with the number of messages, as real ones do.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from benchmarks.search import FREQUENT, SYLLABLES, WORDS

SENTENCES = 20_000
QUERY_WORDS = 7

GERMAN = """
    der die und in den von zu das mit sich des auf ist im dem nicht ein eine als auch es an er hat aus sie
    nach wird bei einer um am sind noch wie einem so zum war haben nur oder aber vor zur bis mehr durch wir
"""

KINDS = ("english", "english", "english", "english", "english", "english", "code", "german")
"""Of conversations, as often as they stand here. Those about code name files and functions; German ones
are stemmed in German, and have words with umlauts."""

LENGTHS = {"user": range(1, 8), "assistant": range(5, 16)}
"""Sentences of a message."""


class Texts:
    """Sentences of each kind, the same in every run."""

    def __init__(self) -> None:
        chance = random.Random(1)
        rare = ["".join(parts) for parts in itertools.product(SYLLABLES, repeat=2)]
        chance.shuffle(rare)
        self._frequent = {"english": FREQUENT.split(), "german": GERMAN.split()}
        # The frequency of a word falls with its rank (Zipf, Mandelbrot).
        weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(WORDS)))
        self._sentences: dict[str, list[str]] = {}
        for kind in dict.fromkeys(KINDS):
            common = self._frequent["german" if kind == "german" else "english"]
            words = [*common, *rare][:WORDS]
            lengths = chance.choices(range(6, 19), k=SENTENCES)
            self._sentences[kind] = [
                _sentence(chance.choices(words, cum_weights=weights, k=length), kind) for length in lengths
            ]

    def text(self, chance: random.Random, kind: str, role: str, names: Sequence[str]) -> str:
        """A message of an agent or of a person, who says less; half of them name something."""
        sentences = chance.choices(self._sentences[kind], k=chance.choice(LENGTHS[role]))
        place = chance.randrange(2 * len(sentences))
        if place < len(sentences):
            sentences[place] = f"{chance.choice(names)} {sentences[place]}"
        return " ".join(sentences)

    def name(self, chance: random.Random, kind: str) -> str:
        """What only one conversation names."""
        first, second, third = chance.choices(SYLLABLES, k=3)
        number = chance.randrange(100_000)
        if kind == "code":
            return f"src/{first}{second}/{third}_{number}.py"
        return f"{first.title()}{second}{third} {number}"

    def query(self, chance: random.Random, message: str) -> str:
        """Seven words of a message, common ones included, as a question has them."""
        found = message.split()
        words = chance.sample(found, min(QUERY_WORDS, len(found)))
        common = {*self._frequent["english"], *self._frequent["german"]}
        if {word.strip(".").lower() for word in words} <= common:
            return self.query(chance, message)
        return " ".join(words)


def _sentence(words: list[str], kind: str) -> str:
    if kind == "german":
        words[-1] = words[-1].replace("a", "ä", 1)
    if kind == "code":
        words[-1] = f"{words[-1]}_{words[0]}"
    return f"{' '.join(words).capitalize()}."
