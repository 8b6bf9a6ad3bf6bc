"""The context window, first version: the end of the conversation that fits, tool exchanges whole.

Pure functions from what `window_v1` read to what a model sees. Messages are taken newest first
in units: a message alone, or an assistant's tool calls together with their results. A unit is
shown whole or not at all; only the newest one is cut to stubs where it alone is too large.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from recollect.db.messages import Window
from recollect.history.exchanges import Unit, split_units
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

CALL_TOKENS = 6
"""What the text format puts around the id of a call, of which each token is at least 1.5 characters."""

FENCE_TOKENS = 40
"""What the text format's fence around the messages costs."""

STUB_TOKENS = 60
"""The least room that a stub of a huge message needs to be worth showing."""

SYNTHETIC_TOKENS = 16
"""What the result synthesised for a call without one costs."""


def check_budget(max_tokens: int, format: str) -> None:
    """Refuse a budget or a format that cannot be rendered. Raises: InvalidArgument."""
    check_int("max_tokens", max_tokens, 1, 2_000_000)
    if format not in FORMATS:
        raise InvalidArgument("format", f"must be one of {', '.join(FORMATS)}")


def build_window(conversation_id: str, found: Window, max_tokens: int, format: Format) -> ContextWindow:
    """Choose the units that fit, and render them."""
    repairs: list[str] = []
    units = split_units(found.messages[::-1], repairs)
    instructions, room = _instructions(
        found.instructions, max_tokens - (FENCE_TOKENS if format == "text" else 0)
    )
    chosen: list[Unit] = []
    stubs: dict[int, str] = {}
    left = room
    for unit in reversed(units):
        cost = _cost(unit, format)
        if cost > left and not chosen:
            stubs = _stubs(unit, left, format)
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


def _located(repairs: list[str]) -> list[tuple[int, str]]:
    return [(int(line[1 : line.index(":")]), line) for line in repairs]


def _cost(unit: Unit, format: Format) -> int:
    notes = sum(map(len, unit.unanswered.values()))
    return sum(_tokens(message, format) for message in unit.messages) + SYNTHETIC_TOKENS * notes


def _tokens(message: Message, format: Format) -> int:
    """What a message costs rendered: beside its own tokens, text has a line in front of it, and the
    ids of calls in front of calls and results."""
    if format != "text":
        return message.token_count
    tokens = message.token_count + HEADER_TOKENS
    if message.stored_parts is not None:
        for part in message.parts:
            id = {"tool_call": part.get("id"), "tool_result": part.get("call_id")}.get(part["type"])
            if id is not None:
                tokens += CALL_TOKENS + 2 * len(id) // 3
    return tokens


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


def _stubs(unit: Unit, room: int, format: Format) -> dict[int, str]:
    """The starts of a unit's messages, by seq, that together fit; empty if there is no room.

    Calls keep their arguments: they are what makes the results understandable."""
    fair = min(room // len(unit.messages), max(message.token_count for message in unit.messages) - 1)
    small = [message for message in unit.messages if message.token_count <= fair]
    large = [message for message in unit.messages if message.token_count > fair]
    left = room - _cost(Unit(small, unit.unanswered), format)
    left -= sum(_tokens(message, format) - message.token_count + MESSAGE_OVERHEAD for message in large)
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
            whole.append(_shown(message, stubs))
            results = [
                {"type": "tool_result", "call_id": call, "content": NO_RESULT}
                for call in unit.unanswered.get(message.seq, ())
            ]
            if results:
                whole.append(_made(message.seq, "tool", "", json.dumps(results)))
    return whole


def _shown(message: Message, stubs: dict[int, str]) -> Message:
    """The message, or with its words cut to a stub. All its parts stay where they are: calls, ids of
    results, and what a provider's format remembers of them."""
    stub = stubs.get(message.seq)
    if stub is None:
        return message
    parts = message.parts
    words = stub
    for part in parts:
        field = text.WORDS.get(part["type"])
        if field is not None:
            part[field] = words
            words = "…"
    return message._replace(text=stub, stored_parts=json.dumps(parts))


def _made(seq: int, role: Role, text: str, stored_parts: str | None) -> Message:
    return Message(seq, seq, role, None, text, stored_parts, 0, None, None, EPOCH, None)


def _text(window: ContextWindow, instructions: str | None, units: list[Unit], stubs: dict[int, str]) -> str:
    lines: list[str] = []
    if window.omitted:
        before = f" before={window.first_seq}" if window.first_seq else ""
        lines.append(f"→ ({window.omitted} messages not shown; list_messages{before} has them)")
    for unit in units:
        for message in unit.messages:
            lines.append(text.render_message(_shown(message, stubs)))
            lines.extend(
                f"← call {text.one_line(call)}: no result was recorded"
                for call in unit.unanswered.get(message.seq, ())
            )
    fenced = text.fenced(
        f"id={text.in_line(window.conversation_id)}", "\n".join(lines) or "→ (no messages yet)"
    )
    return fenced if instructions is None else f"{instructions}\n\n{fenced}"
