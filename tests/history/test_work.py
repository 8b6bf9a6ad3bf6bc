"""What a message of many parts costs grows with their number, not with its square: a message of 10 MB holds
a hundred thousand calls, and whoever renders it answers nobody else meanwhile."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from recollect.db.messages import Window
from recollect.history.budget import plan
from recollect.history.cut import cut
from recollect.history.exchanges import split_units
from recollect.history.formats.providers import INCOMING, OUTGOING
from recollect.history.formats.rendered import PROVIDERS, Provider
from recollect.history.query import Query, parse
from recollect.history.snippet import snippet
from recollect.history.tokens import estimate
from recollect.history.tree import Path, Tree
from recollect.history.window import build_window
from recollect.models.message import Message, Part, Role
from tests.history.formats.stored import stored
from tests.work import Compared, grows_evenly, steps

NOW = datetime(2026, 3, 1, 10, 4, tzinfo=UTC)


class Held(Message):
    """A message whose ids can be seen being compared."""

    @property
    def parts(self) -> list[Part]:
        return [
            {name: Compared(value) if name in ("id", "call_id") else value for name, value in part.items()}
            for part in super().parts
        ]


def said(seq: int, role: Role, parts: list[Part]) -> Message:
    return Held(seq, seq - 1, role, None, "", json.dumps(parts), 2 * len(parts), None, None, NOW, None)


def calls(count: int, id: str = "call_{}") -> list[Part]:
    return [
        {"type": "tool_call", "id": id.format(place), "name": "look", "arguments": ""}
        for place in range(count)
    ]


def results(count: int, id: str = "call_{}") -> list[Part]:
    return [
        {"type": "tool_result", "call_id": id.format(place), "content": ""}
        for place in reversed(range(count))
    ]


def halves(count: int) -> list[Part]:
    """Calls of a provider's own tool whose outcome is missing."""
    return [
        {
            "type": "other",
            "format": "anthropic",
            "value": {"type": "server_tool_use", "id": f"h{place}", "name": "search", "input": {}},
        }
        for place in range(count)
    ]


SHAPES: dict[str, Callable[[int], list[Message]]] = {
    "answered backwards": lambda n: [said(1, "assistant", calls(n)), said(2, "tool", results(n))],
    "answered in the same message": lambda n: [said(1, "assistant", [*calls(n), *results(n)])],
    "half of them answered": lambda n: [said(1, "assistant", [*calls(n), *results(n // 2)])],
    "with one id": lambda n: [said(1, "assistant", calls(n, "x")), said(2, "tool", results(n, "x"))],
    "with ids that are one when cut": lambda n: [said(1, "assistant", calls(n, f"{'x' * 300}{{}}"))],
    "of a hosted tool": lambda n: [
        said(1, "assistant", halves(n)),
        said(2, "user", [{"type": "text", "text": "Go on"}]),
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_rendering_calls_is_as_much_work_as_there_are(provider: Provider, shape: str) -> None:
    def run(count: int) -> Callable[[], object]:
        messages = SHAPES[shape](count)
        return lambda: OUTGOING[provider](messages)

    assert grows_evenly(run, 100)


@pytest.mark.parametrize("shape", SHAPES)
def test_pairing_calls_with_results_is_as_much_work_as_there_are(shape: str) -> None:
    def run(count: int) -> Callable[[], object]:
        messages = SHAPES[shape](count)
        return lambda: split_units(messages, [])

    assert grows_evenly(run, 100)


def test_a_window_notes_as_many_missing_results_as_there_are() -> None:
    def run(count: int) -> Callable[[], object]:
        messages = SHAPES["half of them answered"](count)
        found = Window(None, 1, 1, 1, 1, messages, [2 * count])
        return lambda: build_window("c", found, plan(1_000_000, "openai"))

    assert grows_evenly(run, 100)


NOTHING = "ạ " * 15 + "bạ " * 2
"""What costs nothing by the estimate, since its prices are for texts and not for this."""


@pytest.mark.parametrize("part", [{"type": "text"}, {"type": "tool_call", "id": "1", "name": "look"}])
def test_a_text_that_costs_only_at_its_start_is_cut_in_a_few_steps(part: Part) -> None:
    def run(count: int) -> Callable[[], object]:
        start = 'x?"\n' * count
        words = start + NOTHING * (estimate(start) * 6 // len(NOTHING))
        field = "text" if part["type"] == "text" else "arguments"
        message = said(1, "assistant", [{**part, field: words}])._replace(token_count=estimate(start))
        return lambda: cut(message, estimate(start))

    assert steps(run(4_000)) < 3 * steps(run(500)), "not eight times as many"


LONG_NAME = "k" * 30_000


@pytest.mark.parametrize(
    ("provider", "entry"),
    [
        ("gemini", {"role": "user", "x": 1, "parts": [{LONG_NAME: [{"mimeType": 1}] * 3_000}]}),
        (
            "vercel",
            {
                "id": "1",
                "role": "assistant",
                "parts": [
                    {
                        "type": "tool-look",
                        "toolCallId": "1",
                        "state": "output-available",
                        "input": {},
                        "output": {LONG_NAME: ["\0"] * 3_000},
                    }
                ],
            },
        ),
    ],
)
def test_a_long_name_above_many_values_takes_no_memory_for_each_of_them(
    provider: Provider, entry: dict[str, object]
) -> None:
    tracemalloc.start()
    try:
        (heard,) = INCOMING[provider]([entry], "messages")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 50_000_000, "of 70 kB"
    assert OUTGOING[provider](stored([heard]), exact=True).messages == [entry]


def test_a_tree_is_as_much_work_as_it_has_branches() -> None:
    def run(count: int) -> Callable[[], object]:
        # Two messages follow each one; and a path that goes from branch to branch.
        wide = Tree([(count + at + 1, at) for at in range(1, count)], 2 * count)
        deep = Tree([(2 * at + 2, 2 * at) for at in range(1, count)], 2 * count)
        path = Path(deep, 2 * count)
        return lambda: [(wide.newest(seq), seq in path) for seq in range(1, 2 * count)]

    assert grows_evenly(run, 100)


def test_a_snippet_is_as_much_work_as_the_words_in_it() -> None:
    query = Query(stems=(Compared("visa"),))

    def run(count: int) -> Callable[[], object]:
        return lambda: snippet("visa " * count, query, more_before=False, more_after=False)

    assert grows_evenly(run, 100)


def test_a_word_of_ten_thousand_letters_is_marked_by_its_beginning() -> None:
    assert len(parse("a" * 10_000).mark) < 2_000


def test_the_id_of_a_call_may_be_a_megabyte_but_what_is_told_of_it_may_not() -> None:
    found = Window(None, 1, 1, 1, 1, [said(1, "assistant", calls(1, "x" * 1_000_000))], [10])
    window = build_window("c", found, plan(1_000, "openai")).window
    assert len(window.repairs) == 1
    assert len(window.repairs[0]) < 400
    assert len(json.dumps(window.messages)) < 1_000
