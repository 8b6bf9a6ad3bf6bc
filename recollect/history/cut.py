"""Messages larger than their share of a window: cut to stubs that say how to read the rest.

Small parts stay whole. Of a large one its start stays, with a note that names the `read_message`
call for the rest; what has no words (an image, a file) becomes a reference. Calls stay calls and
results stay results, so that exchanges stay valid.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from recollect.history.formats.gemini_out import with_signatures
from recollect.history.formats.speech import CLIENT_CALLS, is_step
from recollect.history.tokens import MESSAGE_OVERHEAD, estimate, estimate_part
from recollect.models.message import Message, Part
from recollect.models.parts import part_text

NOTE_TOKENS = 32
"""What a note in place of what was cut costs at most."""

NAME_TOKENS = 8
"""What the name of a part costs at most in such a note."""

LEAST_TOKENS = 2 * NOTE_TOKENS
"""The least share that a message can be cut to."""

MOST_STEPS = 64
"""Steps in which a text is cut to a budget as its tokens say; a text that was made to need more, such as one
that costs nothing but at its start, is then halved."""

Beside = Callable[[str], int]
"""The tokens that a text takes beside its own, such as those of backslashes that will be put into it."""

_WORDS = ("text", "refusal")
_REFERRED = ("image", "audio", "file", "resource", "other")


def least_tokens(message: Message) -> int:
    """The least that a message can be cut to: each of its calls and results has to stay."""
    if message.stored_parts is None:
        return LEAST_TOKENS
    return MESSAGE_OVERHEAD + sum(
        NOTE_TOKENS + (estimate(part["name"]) if part["type"] == "tool_call" else 0)
        for part in message.parts
        if part["type"] != "reasoning"
    )


def nothing(_text: str) -> int:
    """The `Beside` of a text that is shown as it is."""
    return 0


def cut(message: Message, tokens: int, beside: Beside = nothing) -> Message:
    """The message in at most `tokens`, which must not be less than `least_tokens`."""
    whole = None if message.stored_metadata is None else int(message.stored_metadata)
    if whole is not None and whole <= len(message.text):
        whole = None  # all of the text was read: what is large is something else
    parts = with_signatures(message.parts)
    sizes = [_size(message, part, whole) for part in parts]
    unknown = message.token_count - MESSAGE_OVERHEAD - sum(sizes)
    referred = [index for index, part in enumerate(parts) if part["type"] in _REFERRED]
    for index in referred if unknown > 0 else ():  # a count of the caller's, for what has no words
        sizes[index] += unknown // len(referred)
    sizes = [size + beside(part_text(part)) for size, part in zip(sizes, parts, strict=True)]
    fair = _fair(sizes, tokens - MESSAGE_OVERHEAD)
    torn = dict.fromkeys(_torn(message, parts, sizes, fair))
    noted = next(iter(torn), None)
    kept: list[Part] = []
    offset = 0
    for index, (part, size) in enumerate(zip(parts, sizes, strict=True)):
        words = part_text(part)
        if index in torn:
            shown = _reference(message, part) if index == noted else None
        else:
            shown = part if size <= fair else _stub(message, part, fair - NOTE_TOKENS, offset, whole, beside)
        if shown is not None:
            kept.append({name: value for name, value in shown.items() if name != "native"})
        offset += len(words) + 2 if words else 0
    kept = kept or [_reference(message, parts[0])]
    text = "\n\n".join(filter(None, map(part_text, kept)))
    plain = message.stored_parts is None
    return message._replace(text=text, stored_parts=None if plain else json.dumps(kept), stored_metadata=None)


def _torn(message: Message, parts: list[Part], sizes: list[int], fair: int) -> list[int]:
    """What the provider's own tools did in a message, if some of it is too large: calls and outcomes stay
    together, so one note stands for all."""
    hosted = [
        index
        for index, part in enumerate(parts)
        if message.role == "assistant" and part["type"] == "other" and not is_step(part)
    ]
    return hosted if any(sizes[index] > fair for index in hosted) else []


def fitting(words: str, tokens: int, beside: Beside = nothing) -> str:
    """The longest start of `words`, by halving, of at most `tokens`."""
    kept = words[: max(0, tokens) * 6]
    steps = 0
    while kept and (size := estimate(kept) + beside(kept)) > tokens:
        steps += 1
        fits = len(kept) * max(tokens, 0) // (size + 1) if steps < MOST_STEPS else len(kept) // 2
        kept = kept[:fits]
    return kept


def _size(message: Message, part: Part, whole: int | None) -> int:
    """What a part costs; the one of which only the start was read counts for the whole message."""
    words = part.get("text", part.get("content"))
    if whole is not None and words is message.text:
        return max(message.token_count, 1)
    return estimate_part(part)


def _fair(sizes: list[int], room: int) -> int:
    """The share of each part that is larger than it, such that all fit: the small ones leave theirs."""
    left = room
    for place, size in enumerate(sorted(sizes)):
        fair = left // (len(sizes) - place)
        if size > fair:
            return fair
        left -= size
    return max(sizes, default=0)


def _stub(
    message: Message, part: Part, tokens: int, offset: int, whole: int | None, beside: Beside
) -> Part | None:
    """What stands for a part that is too large; None for reasoning, which nobody can read in pieces."""
    kind = part["type"]
    if kind == "reasoning":  # OpenAI and Anthropic want the sealed form before what it led to
        seal = {"openai": "id", "anthropic": "signature"}.get(str(part.get("provider")))
        sealed = seal is not None and part.get(seal)
        return {name: part[name] for name in part if name not in ("text", "raw")} if sealed else None
    if kind == "tool_call":
        return _call(message, part, tokens)
    if kind in _WORDS or kind == "tool_result":
        words = part_text(part)
        total = whole if whole is not None and words is message.text else len(words)

        def rest(shown: int) -> str:
            if shown == total:  # what is lacking has no words, such as an image within a result
                return _exactly(message)(shown)
            where = f"read_message seq={message.seq} offset={offset + shown}"
            return f"{total - shown} more characters; {where} has them"

        field = "text" if kind in _WORDS else "content"
        return {**_plain(part), field: _start(words, tokens, rest, beside)}
    return _reference(message, part)


def _plain(part: Part) -> Part:
    """The part without what only a whole one can be: a call or a result of OpenAI's own tools."""
    return {name: value for name, value in part.items() if name != "kind" or value not in CLIENT_CALLS}


def _reference(message: Message, part: Part) -> Part:
    """Words that say what is not shown."""
    name = next(
        (part[field] for field in ("name", "uri", "media_type") if isinstance(part.get(field), str)), ""
    )
    if part["type"] == "other" and isinstance(part["value"].get("type"), str):
        name = part["value"]["type"]
    kind = (
        "work of a hosted tool:" if part["type"] == "other" and message.role == "assistant" else part["type"]
    )
    described = " ".join(f"{kind} {fitting(name[:80], NAME_TOKENS)}".split())
    return {"type": "text", "text": f"({described}, not shown; {_exactly(message)(0)})"}


def _call(message: Message, part: Part, tokens: int) -> Part:
    """The call with the start of its arguments, whose quotes and line ends are escaped once more."""
    most = tokens + NOTE_TOKENS
    steps = 0
    while True:
        arguments = {"cut": _start(_arguments(part), tokens, _exactly(message))}
        shown = {**_plain(part), "arguments": arguments}
        excess = estimate_part(shown) - most
        if excess <= 0 or tokens <= 0:
            return shown
        steps += 1
        tokens = tokens - excess if steps < MOST_STEPS else tokens // 2


def _arguments(part: Part) -> str:
    arguments: Any = part["arguments"]
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _exactly(message: Message) -> Callable[[int], str]:
    return lambda _shown: f"read_message seq={message.seq} format=json has it"


def _start(words: str, tokens: int, rest: Callable[[int], str], beside: Beside = nothing) -> str:
    kept = fitting(words, tokens, beside)
    return f"{kept}… (cut: {rest(len(kept))})"
