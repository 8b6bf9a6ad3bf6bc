"""How a window's budget is shared out, and what everything takes of it.

Instructions get at most a half and the summary at most a quarter; messages get the rest. Of that, a message
may take no more than a quarter of the whole budget, a user's half of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from recollect.db.messages import StoredSummary
from recollect.history import cut
from recollect.history.exchanges import Unit
from recollect.history.formats import FORMATS, Format, text
from recollect.history.formats.speech import note_of_result
from recollect.history.incoming import check_int
from recollect.history.tokens import MESSAGE_OVERHEAD, SAFETY, estimate
from recollect.models.errors import InvalidArgument
from recollect.models.message import Message

MAX_BUDGET = 2_000_000
MAX_ROWS = 20_000
"""Most messages that are read for one window."""

CALL_TOKENS = 6
"""What the text format puts around the id of a call, of which each token is at least 1.5 characters."""

FENCE_TOKENS = 60
"""What the text format's fence around the messages, and the line about those not shown, cost with an id of
at most `ID_TOKENS`, such as a UUID."""

ID_TOKENS = 25

INSTRUCTIONS_TOKENS = 30
"""What the text format's words around the instructions cost."""

SUMMARY_TOKENS = 30
"""What the words around a summary cost."""

STUB_CHARS_A_TOKEN = 6
"""A stub holds no more characters for a token; see `cut.fitting`."""

SYNTHETIC_TOKENS = 16
"""What the result synthesised for a call without one costs."""

FAMILIES: dict[Format, str] = {"anthropic": "anthropic", "gemini": "gemini"}
"""Whose tokens a format's budget is in, where that is not o200k's: see `SAFETY`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a budget is shared out.

    budget:    estimated tokens in all: less than the caller's where the provider counts more.
    part:      most for one message; user_part: for one of the user.
    overhead:  what every message costs beside its tokens.
    cut_chars: of the text of a message that is larger than `part`, no more has to be read.
    beside:    what a text takes beside its own tokens, as it will be shown.
    """

    format: Format
    max_tokens: int
    budget: int
    part: int
    user_part: int
    overhead: int
    cut_chars: int
    beside: cut.Beside = cut.nothing

    def tokens(self, message: Message) -> int:
        """What the content of a message takes whole."""
        if self.beside is cut.nothing:
            return message.token_count
        return message.token_count + self.beside(message.text)

    def most(self, message: Message) -> int:
        """What a message may take at most."""
        return self.user_part if message.role == "user" else self.part


def plan(max_tokens: int, format: Format) -> Plan:
    """Refuse a budget or a format that cannot be rendered, and share out the others.

    Raises: InvalidArgument.
    """
    check_int("max_tokens", max_tokens, 1, MAX_BUDGET)
    if format not in FORMATS:
        raise InvalidArgument("format", f"must be one of {', '.join(FORMATS)}")
    budget = int(max_tokens / _safety(format))
    part, user_part = budget // 4 + 1, budget // 2
    if part < cut.LEAST_TOKENS:  # it holds no stub: then only the newest unit is cut, to what there is
        part = user_part = MAX_BUDGET
    overhead = text.HEADER_TOKENS if format == "text" else 0
    return Plan(format, max_tokens, budget, part, user_part, overhead, budget * STUB_CHARS_A_TOKEN)


def in_providers_tokens(tokens: int, format: Format) -> int:
    """Estimated tokens in those of the format's provider."""
    return -int(-tokens * _safety(format) // 1)


def _safety(format: Format) -> float:
    return SAFETY[FAMILIES.get(format, "openai")]


def cost_of_unit(unit: Unit, planned: Plan) -> int:
    """What a unit costs rendered, with each message cut to its share."""
    cost = 0
    for message in unit.messages:
        tokens = planned.tokens(message)
        if tokens > planned.part and tokens > (most := planned.most(message)):
            tokens = max(most, cut.least_tokens(message))
        plain = message.stored_parts is None and message.author is None
        cost += tokens + (planned.overhead if plain else cost_around(message, planned))
    if unit.unanswered:
        cost += SYNTHETIC_TOKENS * sum(map(len, unit.unanswered.values()))
    return cost


def cost_around(message: Message, planned: Plan) -> int:
    """What a message costs beside its own tokens: in the text format, a line in front of it with the
    author, the ids of calls in front of calls and results, and lines for parts without words."""
    tokens = planned.overhead
    if not tokens:
        return _cost_of_notes(message)
    if message.author is not None:
        tokens += estimate(message.author)
    for part in message.parts if message.stored_parts is not None else ():
        kind = part["type"]
        id = part["id"] if kind == "tool_call" else text.answered_by(part)
        if id is not None:
            tokens += CALL_TOKENS + (2 * len(id) // 3 if id.isascii() else estimate(id))
        elif kind not in ("text", "refusal"):
            tokens += text.LINE_TOKENS + estimate(text.named(part))
    return tokens


def _cost_of_notes(message: Message) -> int:
    """What other formats put before words that are a call's result."""
    if message.stored_parts is None or f'"{text.RESULT_OF}"' not in message.stored_parts:
        return 0
    notes = filter(None, map(note_of_result, message.parts))
    return sum(MESSAGE_OVERHEAD + estimate(note) for note in notes)


_estimate_again = lru_cache(maxsize=256)(estimate)
"""For instructions and ids, which are the same at every turn."""


def cost_of_fence(conversation_id: str, planned: Plan) -> int:
    """What stands around all messages costs: nothing where it is not text."""
    if planned.format != "text":
        return 0
    return FENCE_TOKENS + max(0, _estimate_again(text.in_line(conversation_id)) - ID_TOKENS)


def share_of_instructions(instructions: str | None, room: int, planned: Plan) -> tuple[str | None, int]:
    """The instructions, at most half of the room, and the room that is left."""
    if instructions is None:
        return None, room
    around = INSTRUCTIONS_TOKENS if planned.format == "text" else MESSAGE_OVERHEAD
    cost = _estimate_again(instructions) + planned.beside(instructions) + around
    if cost <= room // 2:
        return instructions, room - cost
    kept = cut.fitting(instructions, room // 2 - around - cut.NOTE_TOKENS, planned.beside)
    if not kept:
        return None, room
    rest = len(instructions) - len(kept)
    return f"{kept}… (cut: {rest} more characters; a larger max_tokens shows them)", room - room // 2


def share_of_summary(
    found: StoredSummary | None, room: int, planned: Plan
) -> tuple[StoredSummary | None, int]:
    """The summary, at most a quarter of the budget, and the room that is left."""
    if found is None:
        return None, room
    share = min(room, planned.budget // 4)
    cost = found.token_count + planned.beside(found.content) + SUMMARY_TOKENS
    if cost <= share:
        return found, room - cost
    kept = cut.fitting(found.content, share - SUMMARY_TOKENS, planned.beside)
    if not kept:
        return None, room
    return StoredSummary(found.upto_seq, f"{kept}…", found.token_count, found.path_tokens), room - share
