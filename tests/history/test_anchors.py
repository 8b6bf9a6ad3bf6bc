"""Windows of a conversation while it grows: the beginning stays until it has to move, and then moves far."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.db.messages import Window
from recollect.history.anchors import Place, first_anchor
from recollect.history.budget import plan
from recollect.history.formats import Format
from recollect.history.window import build_window
from recollect.models.message import ContextWindow, Message, Part
from tests.history.test_window import call, message, result

Sizes = Callable[[random.Random], Iterator[int]]


def even(_: random.Random) -> Iterator[int]:
    while True:
        yield 130


def uneven(chance: random.Random) -> Iterator[int]:
    while True:
        yield max(5, min(900, int(chance.lognormvariate(4.5, 1.1))))


def bursts(chance: random.Random) -> Iterator[int]:
    while True:
        yield from (chance.randint(5, 15) for _ in range(chance.randint(1, 150)))
        yield from (chance.randint(300, 900) for _ in range(chance.randint(1, 12)))


def placed(sizes: list[int]) -> list[Place]:
    return [(end - size, size) for end, size in zip(accumulate(sizes), sizes, strict=True)]


def beginnings(places: list[Place], room: int) -> Iterator[tuple[int, int]]:
    """For every length of the conversation from the first that does not fit on: (index that the window
    begins with, the lowest index that fits)."""
    lowest = spent = 0
    for end in range(1, len(places) + 1):
        spent += places[end - 1][1]
        while spent > room:
            spent -= places[lowest][1]
            lowest += 1
        if lowest:
            yield first_anchor(places[:end], lowest, room), lowest


@pytest.mark.parametrize("sizes", [even, uneven, bursts])
@pytest.mark.parametrize("seed", range(5))
def test_a_window_moves_by_more_than_a_quarter_of_its_room_and_only_when_it_has_to(
    sizes: Sizes, seed: int
) -> None:
    """Where no message takes more than an eighth of the room."""
    room = 8_000
    places = placed([size for size, _ in zip(sizes(random.Random(seed)), range(3_000), strict=False)])
    before = moves = 0
    for begin, lowest in beginnings(places, room):
        assert begin >= lowest
        if begin == before:
            continue
        assert lowest > before, "it still fitted"
        if before:
            assert places[begin][0] - places[before][0] > room // 4
        before = begin
        moves += 1
    total = sum(cost for _, cost in places)
    assert total / room < moves < 4 * total / room


@pytest.mark.parametrize("sizes", [even, uneven, bursts])
def test_a_window_shows_at_least_a_quarter_of_its_room_and_usually_most_of_it(sizes: Sizes) -> None:
    room = 8_000
    places = placed([size for size, _ in zip(sizes(random.Random(1)), range(3_000), strict=False)])
    ends = list(accumulate(cost for _, cost in places))
    shown: list[float] = []
    for end, (begin, _) in enumerate(
        beginnings(places, room), len(places) - len(list(beginnings(places, room)))
    ):
        shown.append((ends[end] - places[begin][0]) / room)
    assert min(shown) > 1 / 4
    assert sum(shown) / len(shown) > 0.7


@given(
    st.lists(st.integers(1, 20_000), min_size=1, max_size=60),
    st.integers(1, 9_000),
    st.integers(0, 59),
)
def test_the_beginning_is_always_one_of_those_that_fit(sizes: list[int], room: int, lowest: int) -> None:
    places = placed(sizes)
    lowest = min(lowest, len(places) - 1)
    assert lowest <= first_anchor(places, lowest, room) < len(places)


@given(st.lists(st.integers(1, 4_000), min_size=30, max_size=120), st.integers(100, 9_000))
def test_no_window_ever_moves_back(sizes: list[int], room: int) -> None:
    """Whatever the sizes."""
    begins = [begin for begin, _ in beginnings(placed(sizes), room)]
    assert begins == sorted(begins)


def dialogue(chance: random.Random, length: int) -> list[Message]:
    """An agent's conversation: questions, tool exchanges of every shape, answers, some of them huge."""
    said: list[Message] = []

    def say(role: str, content: str | list[Part]) -> None:
        said.append(message(len(said) + 1, role, content))  # pyright: ignore[reportArgumentType]

    while len(said) < length:
        say("user", "A question of some length, about this and that. " * chance.randint(1, 6))
        for turn in range(chance.randint(0, 2)):
            ids = [f"c{len(said)}_{turn}_{n}" for n in range(chance.choice([1, 1, 3]))]
            say("assistant", call(*ids))
            for id in ids:
                say("tool", result(id, content="a row of what was found\n" * chance.choice([2, 20, 20, 900])))
        say("assistant", "An answer that goes into it. " * chance.randint(2, 20))
    return said


def window_of(said: list[Message], budget: int, format: Format) -> ContextWindow:
    """The window as `window_v2` would have it read: as far back as the budget reaches, and on to
    where a window may begin."""
    planned = plan(budget, format)
    tokens = list(accumulate(each.token_count for each in said))
    spent = 0
    first = len(said)
    while first:
        first -= 1
        each = said[first]
        spent += min(each.token_count, planned.most(each)) + planned.overhead
        if spent > planned.budget and each.role != "tool" and "tool_result" not in (each.stored_parts or ""):
            break
    length = len(said)
    found = Window(None, length, length, length, length, said[first:][::-1], tokens[first:][::-1])
    return build_window("c", found, planned).window


@pytest.mark.parametrize("format", ["openai", "anthropic", "text"])
def test_while_an_agent_s_conversation_grows_its_rendered_beginning_stays(format: Format) -> None:
    said = dialogue(random.Random(7), 600)
    same = moved = 0
    before: ContextWindow | None = None
    for end in range(1, len(said) + 1):
        if end < len(said) and said[end].role == "tool":
            continue  # no turn ends here
        window = window_of(said[:end], 6_000, format)
        if before is not None and window.first_seq == before.first_seq:
            same += 1
            if format == "text":
                kept = before.text.removesuffix("\n</conversation>")
                assert window.text.startswith(kept)
            else:
                # The last message may grow, where the provider joins neighbours of one role.
                kept = before.messages[:-1]
                assert window.messages[: len(kept)] == kept
                assert window.system == before.system
        elif before is not None:
            moved += 1
            assert window.first_seq > before.first_seq
        before = window
    assert same > 4 * moved
