"""Stored messages on their way to a provider: ids and names that it accepts, runs that it knows.

A conversation may have been written by several providers. Here are the steps that all formats
share; what each provider demands of its list stands in its own module.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from recollect.history.formats.native import list_foreign
from recollect.history.formats.payload import inner
from recollect.history.formats.rendered import Provider, Said
from recollect.history.formats.text import answered_by, identifier
from recollect.history.formats.waiting import Waiting
from recollect.models.message import Message, Part
from recollect.models.parts import readable

MADE_ID = re.compile(r".*~\d+", re.DOTALL)
"""The id made for a call that came without one: the function's name and its place among the calls of
that name in its message. The result, which may come in much later, gets the same from its own."""

FROM_A_TOOL = "(From a tool:)"

MAX_ID_CHARS = 64
"""As much is told of the id of a call whose result came late."""

CLIENT_CALLS = {
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
"""The `kind` of calls of OpenAI's own tools that the caller's machine runs, and the field with what to do."""

_MORE_THAN_PARTS = {
    ("tool_call", "computer_call"),
    ("tool_call", "local_shell_call"),
    ("tool_call", "apply_patch_call"),
    ("tool_result", "apply_patch_call"),
}
"""Those of them, and of their results, that need fields, such as a status, which only `native` keeps."""

_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider accepts as the id of a call (and no id twice) and as a tool's name.

    keeps_made:  whether the made id of a call or result stays, since the provider never sees it.
    """

    id: re.Pattern[str]
    id_length: int
    name: re.Pattern[str]
    name_length: int
    keeps_made: Callable[[Part], bool] = lambda _: False


def heard(messages: Sequence[Message], provider: Provider, lost: list[str], *, exact: bool) -> list[Said]:
    """The messages as renderers see them. Unless `exact`, without NUL and lone surrogates, which
    providers refuse."""
    found: list[Said] = []
    for message in messages:
        parts = message.parts
        if not exact and message.stored_parts is not None and _ESCAPED.search(message.stored_parts):
            parts = cast("list[Part]", cleaned(parts))
        said = Said(message.role, parts, message.author, message.seq)
        list_foreign(said, provider, lost)
        if message.author is not None and provider != "openai":
            said.lose(lost, "the author")
        if not exact and (message.role == "tool" or message.stored_parts is not None):
            _tell_tools_words(said, lost)
        found.append(said)
    return found


def _tell_tools_words(said: Said, lost: list[str]) -> None:
    """Whose words they are that stand in a tool's message beside results, or without any: they go out as the
    user's, since a provider takes from a tool nothing but results."""
    parts: list[Part] = []
    known = said.role != "tool"
    for part in said.parts:
        note = note_of_result(part)
        wordless = note is not None and not part["text"].strip()
        if note is None and not known and part["type"] != "tool_result":
            note = FROM_A_TOOL
        if note is not None:
            known = True
            parts.append({"type": "text", "text": note})
        if not wordless:
            parts.append(part)
    if parts != said.parts:
        said.parts = parts
        said.lose(lost, "a note was put before a tool's words, which go out as the user's")


def note_of_result(part: Part) -> str | None:
    """What is said before words that are the result of a call; None before others."""
    call = answered_by(part) if part["type"] == "text" else None
    if call is None:
        return None
    failed = ", which failed" if part.get("is_error") else ""
    return f"(From a tool, as the result of call {identifier(call[:MAX_ID_CHARS])}{failed}:)"


def cleaned(value: Any) -> Any:
    """JSON with every string readable."""
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, list):
        return [cleaned(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {readable(name): cleaned(item) for name, item in cast("dict[str, Any]", value).items()}
    return value


def fit(said: Sequence[Said], limits: Limits, lost: list[str]) -> None:
    """Give calls and their results ids, and calls names, that the provider accepts.

    A changed id ends in the message's `seq`, so that it stays the same while the window moves.
    """
    ids = _Ids(limits)
    open_calls = Waiting[tuple[Part, str]]()
    for message in said:
        for part in message.parts:
            if part["type"] == "tool_call":
                part["id"], given = ids.of_call(part, message.seq), part["id"]
                open_calls.add(given, (part, part["name"]))
                if not limits.name.fullmatch(part["name"]) or len(part["name"]) > limits.name_length:
                    message.lose(lost, "the name of a tool, in characters that are not accepted here")
                    part["name"] = _worded(part["name"])[: limits.name_length]
            elif part["type"] == "tool_result":
                # Some servers give parallel calls one id: then results come in the order of calls.
                call = open_calls.take(part["call_id"], last=is_note(part))
                if call is None:
                    part["call_id"] = ids.of_result(part, message.seq)
                    continue
                called, name = call
                part["call_id"] = called["id"]
                if part.get("name") == name:
                    part["name"] = called["name"]


class _Ids:
    """Ids that a provider accepts, of calls no one twice.

    tried:  of the made ids that begin so and end in so many digits, the first number that may be free.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: set[str] = set()
        self._tried: dict[tuple[str, int], int] = {}

    def of_call(self, part: Part, seq: int) -> str:
        given: str = part["id"]
        if not self._keeps(part, given) or (given in self._taken and not MADE_ID.fullmatch(given)):
            given = self._made(given, seq)
        self._taken.add(given)
        return given

    def of_result(self, part: Part, seq: int) -> str:
        """The id of a result whose call is not known."""
        given: str = part["call_id"]
        return given if self._keeps(part, given) else self._cut(given, f"_{seq}")

    def _keeps(self, part: Part, given: str) -> bool:
        limits = self._limits
        if MADE_ID.fullmatch(given):
            return limits.keeps_made(part)
        return len(given) <= limits.id_length and limits.id.fullmatch(given) is not None

    def _made(self, given: str, seq: int) -> str:
        made = self._cut(given, f"_{seq}")
        if made not in self._taken:
            return made
        digits = 1
        while True:
            start = self._cut(given, f"_{seq}_", digits)
            number = self._tried.get((start, digits), max(2, 10 ** (digits - 1)))
            while number < 10**digits and f"{start}{number}" in self._taken:
                number += 1
            self._tried[start, digits] = number
            if number < 10**digits:
                return f"{start}{number}"
            digits += 1

    def _cut(self, given: str, end: str, digits: int = 0) -> str:
        return _worded(given)[: self._limits.id_length - len(end) - digits] + end


def _worded(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text) or "_"


def match_kinds(said: Sequence[Said]) -> None:
    """Make a call and its result of one kind: the call's if that takes any result, else both plain.
    What is kept of a provider (`native`) is about a call or a result of the kind that came in."""
    calls = Waiting[tuple[Part, Said]]()
    pairs: list[list[tuple[Part, Said]]] = []
    for message in said:
        for part in message.parts:
            if part["type"] == "tool_call":
                calls.add(part["id"], (part, message))
            elif part["type"] == "tool_result":
                call, caller = calls.take(part["call_id"], last=is_note(part)) or (Part(), message)
                if call.get("kind") == "custom":
                    part["kind"] = "custom"
                else:
                    pairs.append([(call, caller), (part, message)])
    while rest := [pair for pair in pairs if not _made_plain(pair)]:
        if len(rest) == len(pairs):
            return
        pairs = rest  # what was made plain took what is kept of others in the same messages


def _made_plain(pair: list[tuple[Part, Said]]) -> bool:
    """Whether a call and its result cannot be of the kind that they say, and so are plain now."""
    (call, _), (result, _) = pair
    whole = all(
        (part["type"], part.get("kind")) not in _MORE_THAN_PARTS or "native" in said.parts[0]
        for part, said in pair
        if part
    )
    if whole and call.get("kind") == result.get("kind") and _is_named_so(call):
        return False
    for part, holder in pair:
        if part.pop("kind", None) is not None:
            holder.parts[0].pop("native", None)
    return True


def _is_named_so(call: Part) -> bool:
    """Whether an old function call, whose result knows no more than the name, has the id of its name."""
    return call.get("kind") != "function" or call["id"].rpartition("~")[0] == call["name"]


def name_results(said: Sequence[Said]) -> None:
    """Give each result the name of the tool that was called."""
    called = Waiting[str]()
    for message in said:
        for part in message.parts:
            if part["type"] == "tool_call":
                called.add(part["id"], part["name"])
            elif part["type"] == "tool_result":
                name = called.take(part["call_id"])
                name = part["call_id"].partition("~")[0] if name is None else name
                if not isinstance(part.get("name"), str):
                    part["name"] = name


NOTE = "no_result"
"""The field that marks a result which a window made, since none was recorded."""


def is_note(part: Part) -> bool:
    """Whether a result is one of those. Where several calls have one id, the results that did come are those
    of the first ones, wherever the notes for the others stand."""
    return part.get(NOTE) is True


def is_step(part: Part) -> bool:
    """Whether a part is the Vercel AI SDK's mark between two steps of one message."""
    return part["type"] == "other" and inner(part, "value", "type") == "step-start"


def steps(parts: list[Part]) -> list[list[Part]]:
    """The parts of an assistant's message, a list for each of its steps."""
    found: list[list[Part]] = [[]]
    for part in parts:
        if is_step(part):
            found.append([])
        found[-1].append(part)
    return found


def runs(said: Said) -> list[Said]:
    """One message as the runs that most providers keep apart: results in messages of their own.

    In an assistant's message each step's results come after all that the assistant said in that
    step; elsewhere results come first, since they answer what stood before.
    """
    if not any(part["type"] == "tool_result" for part in said.parts):
        return [said] if said.role != "tool" else [Said("user", said.parts, said.author, said.seq)]
    found: list[Said] = []
    rest = "user" if said.role == "tool" else said.role
    for step in steps(said.parts) if said.role == "assistant" else [said.parts]:
        results = [part for part in step if part["type"] == "tool_result"]
        words = [part for part in step if part["type"] != "tool_result"]
        two = [Said(rest, words, said.author, said.seq), Said("tool", results, said.author, said.seq)]
        found += [run for run in (two if said.role == "assistant" else two[::-1]) if run.parts]
    return found


def arguments_object(part: Part) -> dict[str, Any]:
    """A call's arguments as an object; a string that is no JSON object stands under `input`."""
    arguments = part["arguments"]
    if isinstance(arguments, dict):
        return cast("dict[str, Any]", arguments)
    if not arguments:
        return {}
    value = parsed(arguments)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"input": arguments}


def arguments_text(part: Part) -> str:
    arguments = part["arguments"]
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def parsed(text: str) -> Any:
    """JSON, or None for what is not. NUL and lone surrogates, which it may hold as escapes, are replaced
    here: what `heard` saw was the text."""
    try:
        value = json.loads(text, parse_constant=_no_json, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return cleaned(value) if _ESCAPED.search(text) else value


def _finite(written: str) -> float:
    """A number, unless it is larger than a float: that would be shown as Infinity, which is no JSON."""
    value = float(written)
    return value if math.isfinite(value) else _no_json(written)


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
