"""Whatever happens to a conversation with branches, it stays what a naive model says it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from itertools import count
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.models.errors import HeadMoved
from recollect.models.message import Appended, NewMessage
from tests.history.branch_model import Model

_numbers = count(1)


@pytest.fixture(scope="module")
async def admin(shared_url: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(**parse_url(shared_url).connect_args)
    yield connection
    await connection.close()


KINDS = ("branch", "reject", "switch", "summary", "retry", "fork")

# A step is a kind, a place (any number; the model says which message that is) and how many messages.
steps = st.lists(
    st.tuples(
        st.sampled_from(("append", "append", "append", "after", "after", *KINDS)),
        st.integers(0, 1_000),
        st.integers(1, 3),
        st.sampled_from([1, 7, 150]),
    ),
    min_size=1,
    max_size=25,
)


class Played:
    """A conversation and its model, side by side."""

    def __init__(self, history: History, id: str, model: Model) -> None:
        self.history = history
        self.id = id
        self.model = model
        self.appended: list[tuple[list[NewMessage], dict[str, Any], Appended]] = []

    async def step(self, kind: str, number: int, size: int, tokens: int) -> None:
        model, seq = self.model, number % (self.model.last + 1)
        said = [(f"word {next(_numbers)}", tokens) for _ in range(size)]
        if kind in ("append", "after", "branch", "reject"):
            await self.append(kind, seq, said)
        elif kind == "retry" and self.appended:
            messages, arguments, first = self.appended[number % len(self.appended)]
            again = await self.history.append(self.id, messages, **arguments)
            assert again == Appended(
                self.id, first.first_seq, first.last_seq, first.head, first.branched, replayed=True
            )
        elif kind == "switch" and seq:
            await self.history.switch_head(self.id, seq)
            model.head = seq
        elif kind == "summary" and seq:
            await self.history.save_summary(self.id, seq, said[0][0])
            model.summaries[seq] = said[0][0]
        elif kind == "fork":
            forked = await self.history.fork(self.id, at_seq=seq or None)
            model = model.fork(seq or model.head)
            await check(Played(self.history, forked.id, model))

    async def append(self, kind: str, seq: int, said: list[tuple[str, int]]) -> None:
        messages = [NewMessage("user", words, token_count=tokens) for words, tokens in said]
        model, arguments = self.model, dict[str, Any](key=f"key {next(_numbers)}")
        branched = False
        if kind == "reject" and seq != model.head:
            with pytest.raises(HeadMoved) as raised:
                await self.history.append(self.id, messages, expected_head=seq)
            assert raised.value.head == model.head
            added = [each for each in model.path(model.head) if each not in model.path(seq)]
            assert [message.seq for message in raised.value.added] == (added[:20] if seq < model.head else [])
            return
        if kind == "after":
            arguments["after_seq"] = seq
        elif kind == "branch":
            arguments |= {"expected_head": seq, "on_conflict": "branch"}
            branched = seq != model.head
        else:
            seq = model.head
        first, last = model.append(said, seq, moves=not branched)
        done = await self.history.append(self.id, messages, **arguments)
        assert done == Appended(self.id, first, last, model.head, branched)
        self.appended.append((messages, arguments, done))


async def check(played: Played) -> None:
    """Everything that can be read of the conversation is what the model says."""
    history, id, model = played.history, played.id, played.model
    conversation = await history.get(id)
    assert (conversation.head_seq, conversation.last_seq, conversation.message_count) == (
        model.head,
        model.last,
        model.last,
    )
    assert model.straight or not conversation.linear
    log = (await history.list_messages(id, limit=500)).messages
    assert [message.text for message in log] == model.words
    assert [message.parent_seq for message in log] == model.parents
    for at in (None, *range(model.last + 2)):
        assert [
            (branch.seq, branch.parent_seq, branch.head_seq, branch.current, branch.text)
            for branch in (await history.branches(id, at_seq=at)).branches
        ] == model.branches(at)
    summaries = (await history.list_summaries(id, limit=100)).summaries
    assert {summary.upto_seq: summary.content for summary in summaries} == model.summaries
    for tip in range(1, model.last + 1):
        await check_contexts(played, tip)


async def check_contexts(played: Played, tip: int) -> None:
    """With room for all, the whole path; with less, its end, and a summary of a point on it."""
    model, upto = played.model, None if tip == played.model.head else tip
    path = model.path(tip)
    window = await played.history.context(played.id, max_tokens=100_000, format="openai", upto_seq=upto)
    assert [each["content"] for each in window.messages] == [model.words[seq - 1] for seq in path]
    assert (window.head, window.current_head, window.omitted) == (tip, model.head, 0)
    assert window.summary_upto == 0
    small = await played.history.context(played.id, max_tokens=400, format="openai", upto_seq=upto)
    words = [each["content"] for each in small.messages]
    if small.summary_upto:
        assert small.summary_upto == model.summary(tip)
        assert model.summaries[small.summary_upto] in words.pop(0)
    assert small.summary_upto or not model.summary(tip) or not small.omitted
    assert words == [model.words[seq - 1] for seq in path[len(path) - len(words) :]]
    assert small.omitted == len(path) - len(words)


@settings(max_examples=80)
@given(steps)
async def test_whatever_happens_it_is_what_the_model_says(
    alice: History, admin: asyncpg.Connection[asyncpg.Record], steps: list[tuple[str, int, int, int]]
) -> None:
    played = Played(alice, (await alice.create()).id, Model())
    for step in steps:
        await played.step(*step)
    await check(played)
    rows = await admin.fetch(
        "SELECT path_tokens FROM recollect.message WHERE conversation_id = $1 ORDER BY seq", played.id
    )
    model = played.model
    assert [row[0] for row in rows] == [model.path_tokens(seq) for seq in range(1, model.last + 1)]
    head_tokens = "SELECT head_tokens FROM recollect.conversation WHERE id = $1"
    assert await admin.fetchval(head_tokens, played.id) == model.path_tokens(model.head)
