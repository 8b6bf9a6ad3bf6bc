"""Two agents take turns in one conversation, as fast as they can, while answers get lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import pytest

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import HeadMoved
from recollect.models.message import Appended, ContextWindow, Message, NewMessage
from recollect.settings import Settings
from tests.history.formats.validators import VALIDATORS
from tests.pgbouncer import MISSING, pgbouncer, programs
from tests.tcp_proxy import TcpProxy, tcp_proxy

Answer = TypeVar("Answer")

TURNS = {"direct": 500, "pgbouncer": 50}
"""Turns of each of the two agents; half of them where nobody has to try again."""

ANSWER_MESSAGES = 3
MOST_LOSSES = 1_000
"""Most times in a row that one answer may come too late."""


def answer(name: str, number: int) -> list[NewMessage]:
    """A tool exchange, and what the agent says."""
    key = f"{name}.{number}"
    call: list[dict[str, Any]] = [{"type": "tool_call", "id": key, "name": "f", "arguments": {}}]
    result: list[dict[str, Any]] = [{"type": "tool_result", "call_id": key, "content": f"{key} found"}]
    return [
        NewMessage("assistant", call),
        NewMessage("tool", result),
        NewMessage("assistant", f"{key} answered"),
    ]


@dataclass
class Agent:
    """An agent that keeps nothing but its name and the number of its turn.

    losses:  for each answer, how often it came too late. asked, answered: the places of what was
             stored, by turn.
    """

    name: str
    history: History
    conversation: str
    proxy: TcpProxy
    policy: Literal["reject", "branch"]
    chance: random.Random
    losses: list[int] = field(default_factory=list[int])
    asked: list[int] = field(default_factory=list[int])
    answered: list[Appended] = field(default_factory=list[Appended])

    async def work(self, turns: int) -> None:
        for number in range(turns):
            await self.turn(number)

    async def turn(self, number: int) -> None:
        window = await self.open(number)
        for losses in range(MOST_LOSSES):
            try:
                done = await self.append(number, window.head)
            except HeadMoved:
                # What an agent does: take another look, at what the other one said too.
                head, window = window.head, await self.look()
                assert window.head > head
            else:
                self.losses.append(losses)
                self.answered.append(done)
                return
        pytest.fail(f"{self.name} never got through with its answer")

    async def look(self) -> ContextWindow:
        window = await self.history.context(self.conversation, max_tokens=600, format="openai")
        check_window(window)
        return window

    async def open(self, number: int) -> ContextWindow:
        key, words = f"ask {self.name}.{number}", f"{self.name}.{number} asked"

        async def call() -> tuple[int, ContextWindow]:
            turn = await self.history.open_turn(
                NewMessage("user", words), key=key, id=self.conversation, max_tokens=600, format="openai"
            )
            return turn.appended.first_seq, replace(turn.context, current_head=0)

        seq, window = await self.sometimes_lost(call)
        assert window.messages[-1] == {"role": "user", "content": words}
        check_window(window)
        self.asked.append(seq)
        return window

    async def append(self, number: int, head: int) -> Appended:
        async def call() -> Appended:
            done = await self.history.append(
                self.conversation,
                answer(self.name, number),
                key=f"answer {self.name}.{number}",
                expected_head=head,
                on_conflict=self.policy,
            )
            done.replayed = False
            return done

        return await self.sometimes_lost(call)

    async def sometimes_lost(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of a call; now and then only that of a second try, after the connection broke
        when the server had the call already, or after the first answer came and was forgotten."""
        fate = self.chance.random()
        if fate < 0.03:
            self.proxy.cut_after_sends = 1
        found = await call()
        if fate > 0.85:
            assert await call() == found
        return found


def check_window(window: ContextWindow) -> None:
    assert VALIDATORS["openai"](window.messages) == []
    assert window.repairs == []


@pytest.fixture(params=TURNS)
def race_url(request: pytest.FixtureRequest, database_url: str) -> Generator[tuple[str, int]]:
    """Where the agents connect, and how many turns each takes."""
    if request.param == "direct":
        yield database_url, TURNS["direct"]
        return
    if not programs():
        pytest.skip(MISSING)
    with pgbouncer(programs()[0], database_url) as url:
        yield url, TURNS["pgbouncer"]


async def everything(history: History, id: str) -> list[Message]:
    log: list[Message] = []
    while True:
        page = await history.list_messages(id, after=len(log), limit=500)
        log += page.messages
        if not page.more_after:
            return log


@pytest.mark.parametrize("policy", ["reject", "branch"])
async def test_two_agents_race_and_nothing_is_lost_doubled_or_torn(
    race_url: tuple[str, int], history: History, policy: Literal["reject", "branch"]
) -> None:
    url, turns = race_url
    turns = turns if policy == "reject" else turns // 2
    c = (await history.create()).id
    async with tcp_proxy(url) as first, tcp_proxy(url) as second:
        agents: list[Agent] = []
        async with (
            Recollect.open(Settings.model_validate({"database_url": first.url})) as ones,
            Recollect.open(Settings.model_validate({"database_url": second.url})) as others,
        ):
            for name, store, proxy in (("ann", ones, first), ("ben", others, second)):
                agents.append(Agent(name, store.for_user("alice"), c, proxy, policy, random.Random(name)))
            tasks = [asyncio.create_task(agent.work(turns)) for agent in agents]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            slower = min(len(agent.answered) for agent in agents)
            await asyncio.gather(*tasks)
    assert slower > turns / 10, "one of the two was left out while the other one worked"

    log = await everything(history, c)
    assert [message.seq for message in log] == list(range(1, len(log) + 1))
    assert len(log) == 2 * turns * (1 + ANSWER_MESSAGES)
    assert max(Counter(message.key for message in log if message.key).values()) == 1
    assert sum(message.key is not None for message in log) == 2 * turns * 2
    for agent in agents:
        check_turns(agent, log, turns)
    check_head(agents, (await history.get(c)).head_seq)
    check_policy(agents, log, policy)


def check_turns(agent: Agent, log: list[Message], turns: int) -> None:
    """Each turn is there, once, and its answer lies side by side in one piece."""
    assert len(agent.asked) == len(agent.answered) == len(agent.losses) == turns
    for number, (asked, done) in enumerate(zip(agent.asked, agent.answered, strict=True)):
        key = f"{agent.name}.{number}"
        assert (log[asked - 1].role, log[asked - 1].text) == ("user", f"{key} asked")
        assert done.last_seq - done.first_seq + 1 == ANSWER_MESSAGES
        assert done.first_seq > asked
        pieces = log[done.first_seq - 1 : done.last_seq]
        assert [piece.parent_seq for piece in pieces[1:]] == [done.first_seq, done.first_seq + 1]
        assert pieces[0].parts[0]["id"] == key
        assert pieces[1].text == f"{key} found"
        assert pieces[2].text == f"{key} answered"


def check_head(agents: list[Agent], head: int) -> None:
    """The head went to every append but those that branched off, which left it where it was."""
    appends = [(done.first_seq, done.last_seq, done) for agent in agents for done in agent.answered]
    asked = [(seq, seq, None) for agent in agents for seq in agent.asked]
    present = 0
    for _, last, done in sorted([*appends, *asked], key=lambda each: each[0]):
        if done is None or not done.branched:
            present = last
        if done is not None:
            assert done.head == present
    assert head == present


def check_policy(agents: list[Agent], log: list[Message], policy: str) -> None:
    places = {seq for agent in agents for seq in agent.asked}
    losses = sum(sum(agent.losses) for agent in agents)
    if policy == "reject":
        assert losses > 0, "there was no race"
        assert all(message.parent_seq == message.seq - 1 for message in log)
        return
    assert losses == 0
    assert any(done.branched for agent in agents for done in agent.answered), "there was no race"
    for agent in agents:
        for asked, done in zip(agent.asked, agent.answered, strict=True):
            # Whatever the other one did: the answer follows its question.
            assert log[done.first_seq - 1].parent_seq == asked
    # The questions are on the path that everybody sees, but none hangs under an answer aside.
    aside = {
        seq
        for agent in agents
        for done in agent.answered
        if done.branched
        for seq in range(done.first_seq, done.last_seq + 1)
    }
    assert all(log[seq - 1].parent_seq not in aside for seq in places)
