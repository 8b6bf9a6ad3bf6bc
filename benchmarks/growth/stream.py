"""The rows that appends would have written, in the order in which a busy service writes them.

Many conversations go on at the same time, so that the messages of one lie scattered over the table,
each on a page of its own, as they do where many people talk. Every column is made by what the verbs
make it with; a test compares them with rows of real appends.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any, NamedTuple

from benchmarks.growth.people import People, Talk
from benchmarks.growth.texts import Texts
from recollect.history.incoming import prepare
from recollect.models.message import NewMessage, Role
from recollect.settings import Settings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EACH = timedelta(milliseconds=500)
"""Between two messages, whoever writes them."""

GAPS = (50, 500)
"""How many messages others write between two of a conversation: at least, at most."""

NAMES = 3
"""What one conversation is about and no other."""

MESSAGE_COLUMNS = (
    *("user_id", "conversation_id", "seq", "parent_seq", "role", "text", "token_count", "path_tokens"),
    *("created_at", "key", "fingerprint", "terms", "language"),
)
CONVERSATION_COLUMNS = (
    *("user_id", "id", "title", "created_at", "updated_at"),
    *("last_seq", "head_seq", "head_tokens", "message_count"),
)
"""What differs from row to row; the rest has the default that an append leaves it."""

BATCH = 100
"""Conversations that a process makes at a time."""

Row = tuple[Any, ...]


@dataclass(slots=True)
class Rows:
    """A piece of the stream. A conversation is in the piece of its first message, or an earlier one, as it
    will be after its last."""

    conversations: list[Row] = field(default_factory=list[Row])
    messages: list[Row] = field(default_factory=list[Row])
    text_bytes: int = 0


class Made(NamedTuple):
    """A conversation and its messages. begin: how many messages were there before it, whoever wrote them.
    gap: how many of others come between two of its own."""

    begin: int
    conversation: Row
    messages: list[Row]
    gap: int


class Maker:
    """Makes the rows of conversations."""

    def __init__(self, texts: Texts, settings: Settings) -> None:
        self._texts = texts
        self._settings = settings

    def make(self, talks: Iterable[tuple[Talk, int]]) -> list[Made]:
        """Of conversations, each with how many messages were there before it."""
        return [self._made(talk, begin) for talk, begin in talks]

    def _made(self, talk: Talk, begin: int) -> Made:
        chance = random.Random(talk.seed)
        gap = chance.randint(*GAPS)
        names = [self._texts.name(chance, talk.kind) for _ in range(NAMES)]
        title = f"About {names[0]}"
        messages: list[Row] = []
        path_tokens = 0
        at = BEGIN + begin * EACH
        for seq in range(1, talk.length + 1):
            role: Role = "user" if seq % 2 else "assistant"
            text = self._texts.text(chance, talk.kind, role, names)
            # Who opens a turn gives a key; an answer is appended without one.
            key = f"{chance.getrandbits(64):016x}" if seq % 2 else None
            made = prepare([NewMessage(role, text)], key, self._settings)
            [tokens], [terms], [language] = made.token_counts, made.terms, made.languages
            path_tokens += tokens
            at = BEGIN + (begin + (seq - 1) * gap) * EACH
            place = (talk.user, talk.id, seq, seq - 1)
            found = (key, made.fingerprint, terms, language)
            messages.append((*place, role, text, tokens, path_tokens, at, *found))
        began = BEGIN + begin * EACH
        counts = (talk.length, talk.length, path_tokens, talk.length)
        return Made(begin, (talk.user, talk.id, title, began, at, *counts), messages, gap)


class Stream:
    """A service's history from its first message on. processes: that make conversations beside this one,
    which else makes them itself."""

    def __init__(self, people: People, maker: Maker, *, processes: int = 0) -> None:
        self._people = people
        self._maker = maker
        self._processes = processes
        self._chance = random.Random("stream")
        self._written = 0
        self._ending = False

    def end(self) -> None:
        """Begin no more conversations but the special ones; those that have begun become whole."""
        self._ending = True

    def rows(self, count: int, special: Sequence[Talk] = (), size: int = 20_000) -> Iterator[Rows]:
        """The next `count` messages in pieces of about `size`, the special conversations evenly among
        them. All conversations are whole at the end."""
        talks = self._placed(self._talks(count, special))
        made = self._made_elsewhere(talks) if self._processes else map(self._made_here, talks)
        coming: list[tuple[float, int, list[Row], int]] = []
        piece = Rows()
        following = next(made, None)
        number = 0
        while coming or following:
            while following and (not coming or following.begin <= coming[0][0]):
                piece.conversations.append(following.conversation)
                number += 1
                messages = following.messages[::-1]
                heapq.heappush(coming, (following.begin, number, messages, following.gap))
                following = next(made, None)
            at, tie, rest, gap = coming[0]
            row = rest.pop()
            piece.messages.append(row)
            piece.text_bytes += len(row[5].encode())
            if rest:
                heapq.heapreplace(coming, (at + gap, tie, rest, gap))
            else:
                heapq.heappop(coming)
            if len(piece.messages) >= size:
                yield piece
                piece = Rows()
        if piece.messages:
            yield piece

    def _talks(self, count: int, special: Sequence[Talk]) -> Iterator[Talk]:
        """Conversations of together `count` messages; the last one is cut to fit."""
        shuffled = self._chance.sample(special, len(special))
        room = count - sum(talk.length for talk in shuffled)
        if room < 0:
            raise ValueError(f"the special conversations alone have more than {count:,} messages")
        every = room / (len(shuffled) + 1)
        left = room
        while left or shuffled:
            while shuffled and (self._ending or room - left >= every * (len(special) - len(shuffled) + 1)):
                yield shuffled.pop()
            if self._ending:
                left = 0
            if not left:
                continue
            talk = self._people.talk(self._chance)
            if talk.length > left:
                talk = Talk(talk.user, talk.id, left, talk.kind, talk.seed)
            left -= talk.length
            yield talk

    def _placed(self, talks: Iterable[Talk]) -> Iterator[tuple[Talk, int]]:
        """Each with how many messages were there before it."""
        for talk in talks:
            yield talk, self._written
            self._written += talk.length

    def _made_here(self, placed: tuple[Talk, int]) -> Made:
        [made] = self._maker.make([placed])
        return made

    def _made_elsewhere(self, placed: Iterator[tuple[Talk, int]]) -> Generator[Made]:
        """In their order, some batches ahead."""
        with ProcessPoolExecutor(self._processes, get_context("spawn"), _become, (self._maker,)) as pool:
            ahead: deque[Future[list[Made]]] = deque()
            while True:
                while len(ahead) < 2 * self._processes and (batch := [*itertools.islice(placed, BATCH)]):
                    ahead.append(pool.submit(_make, batch))
                if not ahead:
                    return
                yield from ahead.popleft().result()


_maker: Maker | None = None
"""Of a process that does nothing but make conversations."""


def _become(maker: Maker) -> None:
    global _maker
    _maker = maker


def _make(batch: Sequence[tuple[Talk, int]]) -> list[Made]:
    if _maker is None:
        raise RuntimeError("this process makes no conversations")
    return _maker.make(batch)
