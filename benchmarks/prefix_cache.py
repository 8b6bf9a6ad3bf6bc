"""How much of its context a provider's prompt cache would serve, which holds equal beginnings.

A conversation is played: prose of the benchmark's own and tool exchanges, of sizes drawn with a
fixed seed. At each turn the context is loaded; the part that equals the beginning of the
turn before counts as served. Beside it, the same with a window that begins with the oldest message
that fits, as it slides by one message at a time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.storage import TEXT
from recollect.history.budget import plan
from recollect.history.formats.text import render_each
from recollect.history.history import History
from recollect.history.tokens import estimate
from recollect.models.message import Message, NewMessage

MAX_TOKENS = 8_000
PAGE = 200


@dataclass(slots=True)
class Share:
    """Tokens of all turns, and those of them that a cache would have served."""

    total: int = 0
    served: int = 0
    before: str = ""

    def look(self, rendered: str) -> None:
        same = _equal_start(self.before, rendered)
        tokens = estimate(rendered)
        self.total += tokens
        self.served += tokens * same // max(1, len(rendered))
        self.before = rendered

    def __str__(self) -> str:
        return f"{100 * self.served / max(1, self.total):.1f} %"


def _equal_start(one: str, other: str) -> int:
    """How many characters two texts have in common at their start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


async def measure_prefix_cache(history: History, turns: int) -> tuple[Share, Share]:
    """The shares of Recollect's windows and of sliding ones."""
    chance = random.Random(1)
    id = (await history.create(instructions="Answer in the traveller's language. Be brief.")).id
    ours, sliding = Share(), Share()
    for turn in range(turns):
        said = NewMessage("user", TEXT[: chance.randint(20, 400)])
        opened = await history.open_turn(said, key=f"{turn}", id=id, max_tokens=MAX_TOKENS)
        ours.look(opened.context.text)
        page = await history.list_messages(id, limit=PAGE)
        sliding.look(_sliding(page.messages))
        await history.append(id, _answer(chance, turn), expected_head=opened.context.head)
    return ours, sliding


def _answer(chance: random.Random, turn: int) -> list[NewMessage]:
    messages: list[NewMessage] = []
    for call in range(chance.choice((0, 0, 1, 2))):
        name = f"c{turn}_{call}"
        query = {"query": TEXT[: chance.randint(5, 60)]}
        asked = {"type": "tool_call", "id": name, "name": "find", "arguments": query}
        messages.append(NewMessage("assistant", [asked]))
        found = TEXT * chance.choice((1, 1, 2, 6))
        messages.append(NewMessage("tool", [{"type": "tool_result", "call_id": name, "content": found}]))
    return [*messages, NewMessage("assistant", TEXT[: chance.randint(60, 500)])]


def _sliding(messages: list[Message]) -> str:
    """The newest messages that fit, and no other rule."""
    planned = plan(MAX_TOKENS, "text")
    left = planned.budget
    first = len(messages)
    while first and left >= messages[first - 1].token_count + planned.overhead:
        first -= 1
        left -= messages[first].token_count + planned.overhead
    return "\n".join(render_each(messages[first:]))
