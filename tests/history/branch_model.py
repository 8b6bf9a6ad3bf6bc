"""A conversation with branches, as naively as it can be written down."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_TOKENS = 2**31 - 1


@dataclass
class Model:
    """Messages by seq - 1: their parents, words and tokens; the head; summaries by their point."""

    parents: list[int] = field(default_factory=list[int])
    words: list[str] = field(default_factory=list[str])
    tokens: list[int] = field(default_factory=list[int])
    head: int = 0
    summaries: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def last(self) -> int:
        return len(self.parents)

    def append(self, said: list[tuple[str, int]], after: int, *, moves: bool = True) -> tuple[int, int]:
        """Hang messages (words and tokens) under one; the first and the last of them."""
        first = self.last + 1
        for words, tokens in said:
            self.parents.append(after)
            self.words.append(words)
            self.tokens.append(tokens)
            after = self.last
        if moves:
            self.head = self.last
        return first, self.last

    def path(self, tip: int) -> list[int]:
        """The seqs from the start to `tip`."""
        found: list[int] = []
        while tip:
            found.insert(0, tip)
            tip = self.parents[tip - 1]
        return found

    def path_tokens(self, tip: int) -> int:
        return min(sum(self.tokens[seq - 1] for seq in self.path(tip)), MOST_TOKENS)

    def following(self, seq: int) -> list[int]:
        return [child for child, parent in enumerate(self.parents, 1) if parent == seq]

    def newest(self, seq: int) -> int:
        """The newest message that can be reached from one."""
        return max(tip for tip in range(1, self.last + 1) if seq in self.path(tip))

    def branches(self, at: int | None = None) -> list[tuple[int, int, int, bool, str]]:
        """seq, parent, newest, whether the head is on it, and words of all that have siblings."""
        return [
            (seq, parent, self.newest(seq), seq in self.path(self.head), self.words[seq - 1])
            for parent in (range(self.last + 1) if at is None else [at])
            if len(children := self.following(parent)) > 1
            for seq in children
        ]

    @property
    def straight(self) -> bool:
        """Every message follows the one before it, and the head is the newest."""
        return self.parents == list(range(self.last)) and self.head == self.last

    def summary(self, tip: int) -> int:
        """The point of the newest summary on a path; 0: there is none."""
        return max((point for point in self.summaries if point in self.path(tip)), default=0)

    def fork(self, tip: int) -> Model:
        """The path alone, numbered from 1."""
        path = self.path(tip)
        return Model(
            parents=list(range(len(path))),
            words=[self.words[seq - 1] for seq in path],
            tokens=[self.tokens[seq - 1] for seq in path],
            head=len(path),
            summaries={path.index(seq) + 1: said for seq, said in self.summaries.items() if seq in path},
        )
