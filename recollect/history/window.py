"""The context window: the end of a path that fits, tool exchanges whole, beginning at an anchor.

Pure functions from what `window_v2` read to what a model sees. What is larger than its share of the
budget (`recollect.history.budget`) is cut to a stub. Messages are shown in units: a message alone, or an
assistant's tool calls together with their results. A unit is shown whole or not at all; the newest one is
cut further where it alone is too large. Nothing depends on time or on later messages, so the same path
gives the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from recollect.db.messages import StoredSummary, Window
from recollect.history import cut, receipt
from recollect.history.anchors import Place, first_anchor
from recollect.history.budget import (
    SYNTHETIC_TOKENS,
    Plan,
    cost_around,
    cost_of_fence,
    cost_of_unit,
    share_of_instructions,
    share_of_summary,
)
from recollect.history.exchanges import Unit, noted, split_units
from recollect.history.formats import text
from recollect.history.formats.providers import OUTGOING
from recollect.history.formats.rendered import Provider
from recollect.history.formats.speech import NOTE, steps
from recollect.models.message import ContextWindow, Message, Part, Role

NO_RESULT = "No result was recorded for this call."
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shown:
    """A window, the messages that were rendered for it (none in the text format), and what was repaired in
    them."""

    window: ContextWindow
    messages: list[Message]
    repairs: list[str]

    def recalling(self, words: str) -> ContextWindow:
        """The window with what was recalled behind it; neither its tokens nor its receipt count that."""
        if self.window.format == "text":
            self.window.text += f"\n{words}"
        else:
            _render(self.window, [*self.messages, _made(-2, "user", words, None)], self.repairs)
        return self.window


def build_window(conversation_id: str, found: Window, planned: Plan) -> Shown:
    """Choose the units that fit, and render them."""
    plain = planned.format != "text" or not text.any_may_pose(_texts(found))
    if not plain:
        planned = replace(planned, beside=text.backslashes)
    repairs: list[str] = []
    path = found.messages[::-1]
    whole = len(path) == found.length
    units = split_units(path if whole else _from_first_start(path), repairs)
    costs = [cost_of_unit(unit, planned) for unit in units]
    room = max(0, planned.budget - cost_of_fence(conversation_id, planned))
    instructions, room = share_of_instructions(found.instructions, room, planned)
    summary: StoredSummary | None = None
    path_tokens = dict(zip((message.seq for message in found.messages), found.path_tokens, strict=True))
    if not whole or sum(costs) > room:
        summary, room = share_of_summary(found.summary, room, planned)
        firsts = [unit.messages[0] for unit in units]
        before = [path_tokens[message.seq] - message.token_count for message in firsts]
        start = _start(list(zip(before, costs, strict=True)), room)
        whole = whole and not start
        units, costs = units[start:], costs[start:]
    spent = sum(costs)
    fitted = _cut(units, costs, room, planned)
    shown = [message for unit in fitted for message in unit.messages]
    used = planned.budget - room + (min(spent, room) if shown else 0)
    window = ContextWindow(
        conversation_id=conversation_id,
        format=planned.format,
        head=found.tip,
        current_head=found.head_seq,
        tokens=min(planned.max_tokens, -(-used * planned.max_tokens // max(1, planned.budget))),
        first_seq=shown[0].seq if shown else 0,
        last_seq=shown[-1].seq if shown else 0,
        omitted=found.length - len(shown),
        summary_upto=summary.upto_seq if summary else 0,
        trashed=found.trashed,
        instructions_left_out=instructions is None and found.instructions is not None,
    )
    if whole and (shown or not units):
        repairs = [line for _, line in sorted(_located(repairs))]
    else:
        _tell_what_is_outside(window, shown, path_tokens, found)
        repairs = [line for seq, line in sorted(_located(repairs)) if seq >= window.first_seq > 0]
    window.repairs = repairs
    rendered: list[Message] = []
    if planned.format == "text":
        window.text = _text(window, instructions, summary, fitted, plain=plain)
    else:
        rendered = _whole(instructions, summary, fitted)
        _render(window, rendered, repairs)
    front = f"{found.instructions}\n{summary and summary.content}"
    window.receipt = str(receipt.write(window, planned.max_tokens, front))
    return Shown(window, rendered, repairs)


def _texts(found: Window) -> list[str]:
    texts = [message.text for message in found.messages]
    texts.append(found.instructions or "")
    texts.append(found.summary.content if found.summary else "")
    return texts


def _render(window: ContextWindow, whole: list[Message], repairs: list[str]) -> None:
    rendered = OUTGOING[cast("Provider", window.format)](whole)
    window.messages, window.system, window.lost = rendered.messages, rendered.system, rendered.lost
    waiting = {noted(seq, call) for seq, call in rendered.waiting}
    window.repairs = [line for line in repairs if line not in waiting]


def _tell_what_is_outside(
    window: ContextWindow, shown: list[Message], path_tokens: dict[int, int], found: Window
) -> None:
    """Up to which message nothing is shown, and how much of that stands in no summary either."""
    read = sum([message.seq >= window.first_seq for message in found.messages]) if shown else 0
    window.outside = found.length - read
    if shown:
        window.outside_upto = shown[0].parent_seq
        before = path_tokens[shown[0].seq] - shown[0].token_count
    else:
        window.outside_upto = found.tip
        before = max(path_tokens.values(), default=0)
    window.tokens_outside = max(0, before - (found.summary.path_tokens if found.summary else 0))


def _from_first_start(path: list[Message]) -> list[Message]:
    """Without what a window cannot begin with: results, whose calls were not read."""
    for index, message in enumerate(path):
        if message.role != "tool" and '"tool_result"' not in (message.stored_parts or ""):
            return path[index:]
    return []


def _located(repairs: list[str]) -> list[tuple[int, str]]:
    return [(int(line[1 : line.index(":")]), line) for line in repairs]


def _start(places: list[Place], room: int) -> int:
    """The index of the unit that the window begins with."""
    lowest, left = len(places), room
    while lowest and (cost := places[lowest - 1][1]) <= left:
        lowest -= 1
        left -= cost
    if lowest == len(places):  # the newest alone is too large
        return max(0, lowest - 1)
    return first_anchor(places, lowest, room)


def _cut(units: list[Unit], costs: list[int], room: int, planned: Plan) -> list[Unit]:
    """The units with what is too large cut to stubs. One alone that is too large is cut to the room;
    none is left where there is no room for its stubs."""
    if sum(costs) > room:
        (unit,) = units or [Unit([])]
        fixed = SYNTHETIC_TOKENS * sum(map(len, unit.unanswered.values()))
        fixed += sum(cost_around(message, planned) for message in unit.messages)
        shares = _shares(unit.messages, room - fixed, planned)
        return [_with_shares(unit, shares, planned)] if shares else []
    return [
        _with_shares(unit, [planned.most(message) for message in unit.messages], planned)
        if cost >= planned.part  # else no message of it is too large
        else unit
        for unit, cost in zip(units, costs, strict=True)
    ]


def _shares(messages: list[Message], room: int, planned: Plan) -> list[int]:
    """How much each message gets of a room that is too small for all: the small ones what they need,
    the others as much as each other. Empty if that is too little."""
    shares = [0] * len(messages)
    left = room
    needed = list(map(planned.tokens, messages))
    for place, index in enumerate(sorted(range(len(messages)), key=needed.__getitem__)):
        message = messages[index]
        fair = min(left // (len(messages) - place), planned.most(message))
        shares[index] = min(needed[index], fair)
        if shares[index] < needed[index] and shares[index] < cut.least_tokens(message):
            return []
        left -= shares[index]
    return shares


def _with_shares(unit: Unit, shares: list[int], planned: Plan) -> Unit:
    return Unit(
        [
            cut.cut(message, max(share, cut.least_tokens(message)), planned.beside)
            if planned.tokens(message) > share
            else message
            for message, share in zip(unit.messages, shares, strict=True)
        ],
        unit.unanswered,
    )


def _whole(instructions: str | None, summary: StoredSummary | None, units: list[Unit]) -> list[Message]:
    """The messages to render, in which every call is followed by its results: instructions and summary
    in front, a note in place of each result that was not recorded."""
    whole: list[Message] = []
    if instructions is not None:
        whole.append(_made(0, "system", instructions, None))
    if summary is not None:
        # Not the system's: it was written by a model, out of what people and tools said.
        words = f"(A summary of the conversation up to message {summary.upto_seq}:)\n{summary.content}"
        whole.append(_made(-1, "user", words, None))
    for unit in units:
        for message in unit.messages:
            calls = unit.unanswered.get(message.seq)
            whole += [message] if calls is None else _answered(message, calls)
    return whole


def _answered(message: Message, calls: Iterable[str]) -> list[Message]:
    """A message with a note in place of each result that was not recorded: in a message of its own, or
    right after the call where results stand in the assistant's message, which then holds several steps."""
    rounds = steps(message.parts)
    if len(rounds) == 1 and not any(part["type"] == "tool_result" for part in rounds[0]):
        return [message, _made(message.seq, "tool", "", json.dumps([_note(call) for call in calls]))]
    parts: list[Part] = []
    lacking = Counter(calls)
    for step in rounds:
        came = Counter(part["call_id"] for part in step if part["type"] == "tool_result")
        for part in step:
            parts.append(part)
            if part["type"] == "tool_call" and came[part["id"]]:
                came[part["id"]] -= 1
            elif part["type"] == "tool_call" and lacking[part["id"]]:  # else it came in a later message
                lacking[part["id"]] -= 1
                parts.append(_note(part["id"]))
    return [message._replace(stored_parts=json.dumps(parts))]


def _note(call: str) -> Part:
    return {"type": "tool_result", "call_id": call, "content": NO_RESULT, NOTE: True}


def _made(seq: int, role: Role, words: str, stored_parts: str | None) -> Message:
    return Message(seq, seq, role, None, words, stored_parts, 0, None, None, EPOCH, None)


def _text(
    window: ContextWindow,
    instructions: str | None,
    summary: StoredSummary | None,
    units: list[Unit],
    *,
    plain: bool,
) -> str:
    shown = [message for unit in units for message in unit.messages]
    lines: list[str] = []
    if summary is not None:
        lines.append(f"→ (summary of all up to #{summary.upto_seq}, written by an agent)")
        lines.append(text.quoted(summary.content))
    if window.outside_upto:
        before = f" before={window.first_seq}" if window.first_seq else ""
        lines.append(
            f"→ ({text.counted(window.outside, 'message')} up to #{window.outside_upto} not shown word for "
            f"word; list_messages{before} has them)"
        )
    unanswered = {seq: calls for unit in units for seq, calls in unit.unanswered.items()}
    for message, rendered in zip(shown, text.render_each(shown, plain=plain), strict=True):
        lines.append(rendered)
        if unanswered:
            lines.extend(
                f"← call {text.one_line(call)}: no result was recorded"
                for call in unanswered.get(message.seq, ())
            )
    fenced = text.fenced(
        f"id={text.in_line(window.conversation_id)}", "\n".join(lines) or "→ (no messages yet)"
    )
    return fenced if instructions is None else f"{text.instructed(instructions)}\n{fenced}"
