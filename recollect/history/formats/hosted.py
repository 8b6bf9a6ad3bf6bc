"""What a provider's own tools did, of which one half is missing: an outcome whose call stands before
the window, or a call whose outcome never came. Providers refuse both.

The two halves usually stand in one message. Where a program of the provider's calls tools of the
caller's, or a person has to approve, they stand in two, and a window may begin between them.
"""

from __future__ import annotations

from collections.abc import Sequence

from recollect.history.formats.rendered import JsonObject

_CALLS = {
    "server_tool_use": "id",
    "mcp_tool_use": "id",
    "mcp_approval_request": "id",
    "tool_search_call": "call_id",
    "program": "call_id",
}
_OUTCOMES = {
    "mcp_approval_response": "approval_request_id",
    "tool_search_output": "call_id",
    "program_output": "call_id",
}
_WAIT = ("mcp_approval_request", "program")
"""Calls that may go without an outcome for ever."""


def halves(entries: Sequence[tuple[JsonObject, int]], settled: int) -> list[int]:
    """The places of blocks or items without their other half.

    entries:  each with the place of its message.
    settled:  the message of the last words of a user: a call after it may still be going on.
    """
    waiting: dict[str, int] = {}
    unanswered: list[int] = []
    found: list[int] = []
    for index, (entry, _) in enumerate(entries):
        call, outcome = _named(entry, _call_field(entry)), _named(entry, _outcome_field(entry))
        if call is not None:
            if call in waiting:  # an answer that was stored twice, as by a retry without a key
                unanswered.append(waiting[call])
            waiting[call] = index
        elif outcome is not None and waiting.pop(outcome, None) is None:
            found.append(index)
    for index in (*unanswered, *waiting.values()):
        entry, at = entries[index]
        if at < settled and entry["type"] not in _WAIT:
            found.append(index)
    return sorted(found)


def _call_field(entry: JsonObject) -> str | None:
    return _CALLS.get(str(entry.get("type")))


def _outcome_field(entry: JsonObject) -> str | None:
    kind = str(entry.get("type"))
    return "tool_use_id" if kind.endswith("_tool_result") else _OUTCOMES.get(kind)


def _named(entry: JsonObject, field: str | None) -> str | None:
    name: object = None if field is None else entry.get(field)
    return name if isinstance(name, str) else None
