"""The context window, first version: the end of the conversation that fits, tool exchanges whole.

Pure functions from what `window_v1` read to what a model sees. Messages are taken newest first
in units: a message alone, or an assistant's tool calls together with their results. A unit is
shown whole or not at all; only the newest one is cut to stubs where it alone is too large.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from recollect.db.messages import Window
from recollect.history.formats import FORMATS, Format, text
from recollect.history.formats.providers import OUTGOING
from recollect.history.incoming import check_int
from recollect.history.tokens import MESSAGE_OVERHEAD, estimate
from recollect.models.errors import InvalidArgument
from recollect.models.message import ContextWindow, Message, Role

NO_RESULT = "No result was recorded for this call."
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

HEADER_TOKENS = 14
"""What the line in front of each message costs in the text format."""

FENCE_TOKENS = 40
"""What the text format's fence around the messages costs."""

STUB_TOKENS = 60
"""The least room that a stub of a huge message needs to be worth showing."""

SYNTHETIC_TOKENS = 16
"""What the result synthesised for a call without one costs."""


@dataclass(slots=True)
class Unit:
    """Messages that stay together. `open_calls`: ids of calls for which no result was recorded."""

    messages: list[Message]
    open_calls: list[str] = field(default_factory=list[str])


def check_budget(max_tokens: int, format: str) -> None:
    """Refuse a budget or a format that cannot be rendered. Raises: InvalidArgument."""
    check_int("max_tokens", max_tokens, 1, 2_000_000)
    if format not in FORMATS:
        raise InvalidArgument("format", f"must be one of {', '.join(FORMATS)}")


def build_window(conversation_id: str, found: Window, max_tokens: int, format: Format) -> ContextWindow:
    """Choose the units that fit, and render them."""
    repairs: list[str] = []
    units = split_units(found.messages[::-1], repairs)
    extra = HEADER_TOKENS if format == "text" else 0
    instructions, room = _instructions(
        found.instructions, max_tokens - (FENCE_TOKENS if format == "text" else 0)
    )
    chosen: list[Unit] = []
    stubs: dict[int, str] = {}
    left = room
    for unit in reversed(units):
        cost = _cost(unit, extra)
        if cost > left and not chosen:
            stubs = _stubs(unit, left, extra)
            cost = left
            if not stubs:
                break
        elif cost > left:
            break
        chosen.append(unit)
        left -= cost
    chosen.reverse()
    shown = [message for unit in chosen for message in unit.messages]
    left_out = units[: len(units) - len(chosen)]
    cut_after = left_out[-1].messages[-1].seq if left_out else 0
    window = ContextWindow(
        conversation_id=conversation_id,
        format=format,
        head=found.head_seq,
        tokens=max_tokens - left,
        first_seq=shown[0].seq if shown else 0,
        last_seq=shown[-1].seq if shown else 0,
        omitted=max(0, found.message_count - len(shown)),
        repairs=[line for seq, line in sorted(_located(repairs)) if seq > cut_after],
    )
    if format == "text":
        window.text = _text(window, instructions, chosen, stubs)
    else:
        rendered = OUTGOING[format](_whole(instructions, chosen, stubs))
        window.messages, window.system, window.lost = rendered.messages, rendered.system, rendered.lost
    return window


def split_units(path: list[Message], repairs: list[str]) -> list[Unit]:
    """Group a path, oldest first, into units, leaving out results that answer no call.

    What is left out or will be synthesised is added to `repairs`, each line starting with `#seq`.
    """
    units: list[Unit] = []
    for message in path:
        if message.role == "tool":
            calls = [part["call_id"] for part in message.parts if part["type"] == "tool_result"]
            unit = units[-1] if units else None
            if unit is None or not calls or any(call not in unit.open_calls for call in calls):
                repairs.append(f"#{message.seq}: left out a tool message that answers no open call")
                continue
            unit.messages.append(message)
            unit.open_calls = [call for call in unit.open_calls if call not in calls]
        else:
            calls = []
            if message.role == "assistant" and message.stored_parts is not None:
                calls = [part["id"] for part in message.parts if part["type"] == "tool_call"]
            units.append(Unit([message], calls))
    repairs.extend(
        f"#{unit.messages[0].seq}: call {text.one_line(call)} has no recorded result; a note stands for it"
        for unit in units
        for call in unit.open_calls
    )
    return units


def _located(repairs: list[str]) -> list[tuple[int, str]]:
    return [(int(line[1 : line.index(":")]), line) for line in repairs]


def _cost(unit: Unit, extra: int) -> int:
    return sum(message.token_count + extra for message in unit.messages) + SYNTHETIC_TOKENS * len(
        unit.open_calls
    )


def _instructions(instructions: str | None, max_tokens: int) -> tuple[str | None, int]:
    """The instructions, at most half of the budget, and the room that is left."""
    room = max(0, max_tokens)
    if instructions is None:
        return None, room
    cost = estimate(instructions) + MESSAGE_OVERHEAD
    if cost <= room // 2:
        return instructions, room - cost
    kept = _fitting(instructions, room // 2 - MESSAGE_OVERHEAD)
    return (kept or None), room - (room // 2 if kept else 0)


def _stubs(unit: Unit, room: int, extra: int) -> dict[int, str]:
    """The starts of a unit's messages, by seq, that together fit; empty if there is no room.

    Calls keep their arguments: they are what makes the results understandable."""
    fair = min(room // len(unit.messages), max(message.token_count for message in unit.messages) - 1)
    small = [message for message in unit.messages if message.token_count <= fair]
    large = [message for message in unit.messages if message.token_count > fair]
    left = room - _cost(Unit(small, unit.open_calls), extra) - len(large) * (extra + MESSAGE_OVERHEAD)
    share = left // len(large)
    if share < STUB_TOKENS:
        return {}
    stubs: dict[int, str] = {}
    for message in large:
        calls = message.token_count - estimate(message.text) - MESSAGE_OVERHEAD
        kept = _fitting(message.text, share - STUB_TOKENS // 2 - max(0, calls))
        if max(0, calls) > share:
            return {}
        stubs[message.seq] = (
            f"{kept}… (cut: {len(message.text) - len(kept)} more characters; "
            f"read_message seq={message.seq} offset={len(kept)} has them)"
        )
    return stubs


def _fitting(words: str, tokens: int) -> str:
    """The longest start of `words`, by halving, of at most `tokens`."""
    kept = words[: max(0, tokens) * 6]
    while kept and estimate(kept) > tokens:
        kept = kept[: len(kept) * max(tokens, 1) // (estimate(kept) + 1)]
    return kept


def _whole(instructions: str | None, units: list[Unit], stubs: dict[int, str]) -> list[Message]:
    """The messages to render, in which every call is followed by its results: the instructions in
    front, stubs in place of huge messages, a note in place of each result that was not recorded."""
    whole: list[Message] = []
    if instructions is not None:
        whole.append(_made(0, "system", instructions, None))
    for unit in units:
        for message in unit.messages:
            stub = stubs.get(message.seq)
            whole.append(message if stub is None else _cut(message, stub))
        results = [{"type": "tool_result", "call_id": call, "content": NO_RESULT} for call in unit.open_calls]
        if results:
            whole.append(_made(unit.messages[-1].seq, "tool", "", json.dumps(results)))
    return whole


def _cut(message: Message, stub: str) -> Message:
    """A message whose words are the stub; its calls, or the ids of its results, stay."""
    if message.role == "tool":
        parts = [{**part, "content": stub} for part in message.parts if part["type"] == "tool_result"]
    else:
        calls = [part for part in message.parts if part["type"] == "tool_call"]
        parts = [{"type": "text", "text": stub}, *calls]
    return message._replace(text=stub, stored_parts=json.dumps(parts))


def _made(seq: int, role: Role, text: str, stored_parts: str | None) -> Message:
    return Message(seq, seq, role, None, text, stored_parts, 0, None, None, EPOCH, None)


def _text(window: ContextWindow, instructions: str | None, units: list[Unit], stubs: dict[int, str]) -> str:
    lines: list[str] = []
    if window.omitted:
        before = f" before={window.first_seq}" if window.first_seq else ""
        lines.append(f"→ ({window.omitted} messages not shown; list_messages{before} has them)")
    for unit in units:
        lines.extend(text.render_message(message, stubs.get(message.seq)) for message in unit.messages)
        lines.extend(f"← call {text.one_line(call)}: no result was recorded" for call in unit.open_calls)
    fenced = text.fenced(
        f"id={json.dumps(window.conversation_id)}", "\n".join(lines) or "→ (no messages yet)"
    )
    return fenced if instructions is None else f"{instructions}\n\n{fenced}"
