"""Which messages belong together: a model's tool calls and their results, wherever they stand.

Results come in messages of their own (OpenAI), in a user's message beside what the user says
(Anthropic, Gemini), or in the assistant's message that called (Vercel). A result counts only for
a call of the exchange that is going on; whatever else is said ends the exchange. Calls and
reasoning count only in an assistant's message.
"""

from __future__ import annotations

import json

from recollect.history.formats.speech import is_step
from recollect.models.message import Message, Part
from recollect.models.parts import part_text


class Unit:
    """Messages that stay together.

    unanswered:  ids of calls for which no result was recorded, by the seq of the message that
                 made them.
    late:        how many of them, the first ones, no later message can answer: another step of
                 the same message stands between.
    """

    __slots__ = ("going_on", "late", "messages", "unanswered")

    def __init__(self, messages: list[Message], unanswered: dict[int, list[str]] | None = None) -> None:
        self.messages = messages
        self.unanswered: dict[int, list[str]] = unanswered or {}
        self.late: dict[int, int] = {}
        self.going_on = False


def split_units(path: list[Message], repairs: list[str]) -> list[Unit]:
    """Group a path, oldest first, into units, without results that answer no open call.

    What is left out or will be synthesised is added to `repairs`, each line starting with `#seq`.
    """
    units: list[Unit] = []
    for message in path:
        if message.stored_parts is None and message.role != "tool":
            units.append(Unit([message]))
            continue
        _place(message, units, repairs)
    repairs.extend(
        f"#{seq}: call {' '.join(call.split())} has no recorded result; a note stands for it"
        for unit in units
        if unit.unanswered  # of most there is none, and this is far cheaper than to go through it
        for seq, calls in unit.unanswered.items()
        for call in calls
    )
    return units


def _place(message: Message, units: list[Unit], repairs: list[str]) -> None:
    """Put a message with parts into the exchange that it goes on with, or into a unit of its own."""
    parts = message.parts
    own: list[str] = []
    before = units[-1] if units and units[-1].going_on else Unit([])
    if message.role == "assistant":  # its results answer its own calls; those before it end here
        before = Unit([])
    late: list[str] = []
    kept: list[Part] = []
    out: dict[str, None] = {}
    joins = 0
    for part in parts:
        if part["type"] == "tool_result":
            if part["call_id"] in own:
                own.remove(part["call_id"])
            elif message.role in ("tool", "user") and _answer(before, part["call_id"]):
                joins += 1
            else:
                out["results that answer no open call"] = None
                continue
        elif part["type"] in ("tool_call", "reasoning") and message.role != "assistant":
            out["calls or reasoning, which only an assistant's message can hold"] = None
            continue
        elif part["type"] == "tool_call":
            own.append(part["id"])
        elif is_step(part):
            late += own
            own = []
        kept.append(part)
    if not kept:
        repairs.append(f"#{message.seq}: left out a message of {' and '.join(out)}")
        return
    words = any(part["type"] != "tool_result" for part in kept)
    if out:
        repairs.append(f"#{message.seq}: took out {' and '.join(out)}")
        message = _without(message, kept)
    if joins:
        unit = before
        unit.messages.append(message)
    else:
        unit = Unit([message])
        units.append(unit)
    if late or own:
        unit.unanswered[message.seq] = late + own
        unit.late[message.seq] = len(late)
    # What is said beside results, or after a call, ends the exchange: no provider takes a result
    # after it. Calls made just now begin another round of it.
    unit.going_on = bool(own) or (not words and bool(unit.unanswered))


def _answer(unit: Unit, call_id: str) -> bool:
    """Take a call off the open ones, if it is among them."""
    for seq, calls in unit.unanswered.items():
        late = unit.late[seq]
        if call_id in calls[late:]:
            del calls[calls.index(call_id, late)]
            if not calls:
                del unit.unanswered[seq]
            return True
    return False


def _without(message: Message, kept: list[Part]) -> Message:
    """The message with those parts alone. What a provider's format remembers of the places of its
    parts (`native`) holds no longer."""
    parts = [{name: value for name, value in part.items() if name != "native"} for part in kept]
    text = "\n\n".join(filter(None, map(part_text, parts)))
    return message._replace(text=text, stored_parts=json.dumps(parts))
