"""Which messages belong together: a model's tool calls and their results, wherever they stand.

Results come in messages of their own (OpenAI), in a user's message beside what the user says
(Anthropic, Gemini), or in the assistant's message that called (Vercel). A result counts only for
a call of the exchange that is going on; whatever else is said ends the exchange. One that comes
later, as of a tool that the user did not wait for, is told in words. Calls and reasoning count
only in an assistant's message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from recollect.history.formats.speech import is_step
from recollect.history.formats.text import RESULT_OF, identifier
from recollect.history.formats.waiting import Waiting
from recollect.models.message import Message, Part
from recollect.models.parts import part_text

ANSWERS_NOTHING = "results that answer no open call"

WORDLESS = ("image", "audio", "file", "resource")
"""What a result may hold beside words that can also stand in a message of its own."""

MAX_ID_CHARS = 200
"""As much of a call's id is told in a repair. No provider has longer ones, but a caller may."""


class OpenCalls:
    """The calls of one message without a result, by their ids, in their order; several may have one id."""

    def __init__(self) -> None:
        self._late: list[str] = []
        self._ids: dict[int, str] = {}
        self._places = Waiting[int]()
        self._made = 0

    def add(self, id: str) -> None:
        self._ids[self._made] = id
        self._places.add(id, self._made)
        self._made += 1

    def take(self, id: str) -> bool:
        """Take off the first call of an id, if there is one that can still be answered."""
        place = self._places.take(id)
        if place is not None:
            del self._ids[place]
        return place is not None

    def end_step(self) -> None:
        """Another step of the same message begins: no later message can answer the calls before it."""
        self._late += self._ids.values()
        self._ids, self._places = {}, Waiting[int]()

    @property
    def waiting(self) -> bool:
        """Whether a result that comes later can answer one of them."""
        return bool(self._ids)

    def __len__(self) -> int:
        return len(self._late) + len(self._ids)

    def __iter__(self) -> Iterator[str]:
        yield from self._late
        yield from self._ids.values()


class Unit:
    """Messages that stay together.

    unanswered:  calls for which no result was recorded, by the seq of the message that made them.
    """

    __slots__ = ("going_on", "messages", "unanswered")

    def __init__(self, messages: list[Message], unanswered: dict[int, OpenCalls] | None = None) -> None:
        self.messages = messages
        self.unanswered: dict[int, OpenCalls] = unanswered or {}
        self.going_on = False


def split_units(path: list[Message], repairs: list[str]) -> list[Unit]:
    """Group a path, oldest first, into units; results that answer no open call become words.

    What is left out or will be synthesised is added to `repairs`, each line starting with `#seq`. These stand
    among our own words, so an id that is none is quoted.
    """
    units: list[Unit] = []
    for message in path:
        if message.stored_parts is None and message.role != "tool":
            units.append(Unit([message]))
            continue
        _place(message, units, repairs)
    repairs.extend(
        noted(seq, call)
        for unit in units
        if unit.unanswered  # of most there is none, and this is far cheaper than to go through it
        for seq, calls in unit.unanswered.items()
        for call in calls
    )
    return units


def noted(seq: int, call: str) -> str:
    """The repair of a call without a result."""
    return f"#{seq}: call {identifier(call[:MAX_ID_CHARS])} has no recorded result; a note stands for it"


def _place(message: Message, units: list[Unit], repairs: list[str]) -> None:
    """Put a message with parts into the exchange that it goes on with, or into a unit of its own."""
    parts = message.parts
    own = OpenCalls()
    before = units[-1] if units and units[-1].going_on else Unit([])
    if message.role == "assistant":  # its results answer its own calls; those before it end here
        before = Unit([])
    kept: list[Part] = []
    out: dict[str, None] = {}
    late: list[Part] = []
    joins = 0
    for part in parts:
        if part["type"] == "tool_result":
            if not own.take(part["call_id"]):
                if message.role not in ("tool", "user"):
                    out[ANSWERS_NOTHING] = None
                    continue
                if not _answer(before, part["call_id"]):
                    late += _words_of(part)
                    continue
                joins += 1
        elif part["type"] in ("tool_call", "reasoning") and message.role != "assistant":
            out["calls or reasoning, which only an assistant's message can hold"] = None
            continue
        elif part["type"] == "tool_call":
            own.add(part["id"])
        elif is_step(part):
            own.end_step()
        kept.append(part)
    words = any(part["type"] != "tool_result" for part in kept)
    if late and before.unanswered and not words:  # nothing may stand between a call and its results
        out[ANSWERS_NOTHING] = None
        late = []
    elif late:
        kept += late
        words = True
        repairs.append(f"#{message.seq}: {ANSWERS_NOTHING} are told in words")
    if not kept:
        repairs.append(f"#{message.seq}: left out a message of {' and '.join(out)}")
        return
    if out:
        repairs.append(f"#{message.seq}: took out {' and '.join(out)}")
    if out or late:
        message = _with(message, kept)
    if joins:
        unit = before
        unit.messages.append(message)
    else:
        unit = Unit([message])
        units.append(unit)
    if own:
        unit.unanswered[message.seq] = own
    # What is said beside results, or after a call, ends the exchange: no provider takes a result
    # after it. Calls made just now begin another round of it.
    unit.going_on = own.waiting or (not words and bool(unit.unanswered))


def _answer(unit: Unit, call_id: str) -> bool:
    """Take a call off the open ones, if it is among them."""
    for seq, calls in unit.unanswered.items():
        if calls.take(call_id):
            if not calls:
                del unit.unanswered[seq]
            return True
    return False


def _words_of(result: Part) -> list[Part]:
    """A result in words, which know their call; behind them what it holds without words, such as images."""
    words = {name: result[name] for name in ("is_error",) if name in result}
    words |= {"type": "text", "text": part_text(result), RESULT_OF: result["call_id"]}
    content: str | list[Part] = result["content"]
    return [words, *(part for part in content if isinstance(part, dict) and part["type"] in WORDLESS)]


def _with(message: Message, parts: list[Part]) -> Message:
    """The message with those parts instead of its own. What a provider's format remembers of the places of
    its parts (`native`) holds no longer."""
    parts = [{name: value for name, value in part.items() if name != "native"} for part in parts]
    words = [part for part in parts if part_text(part)]
    text = "\n\n".join(map(part_text, words))
    if len(words) == 1 and text == message.text and words[0]["type"] == "text":
        # Stored once, as in the database: of a large one only the start was read, and `cut` has to know.
        del words[0]["text"]
        return message._replace(stored_parts=json.dumps(parts))
    return message._replace(text=text, stored_parts=json.dumps(parts))
