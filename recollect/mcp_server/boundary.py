"""From exceptions to what a model reads: the only place of this door that catches everything.

Errors are prompts: what Recollect raises on purpose already says the next step. Whatever else
happens is logged with its traceback and answered with a text that gives nothing away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS
from pydantic import ValidationError

from recollect.mcp_server import render
from recollect.models.errors import (
    HeadMoved,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    RecollectError,
    Unavailable,
)

MAX_PROBLEMS = 5
"""Most problems of one call that are listed."""


def explain(error: RecollectError) -> str:
    """The text of a foreseen error, with what the caller needs for the next step."""
    text = str(error)
    if text.startswith("id: "):  # the verbs' name for what every tool calls conversation_id
        text = f"conversation_id: {text.removeprefix('id: ')}"
    if isinstance(error, HeadMoved):
        return f"{text}\n{render.added(error)}" if error.added else text
    if isinstance(error, Unavailable) and not isinstance(error, OutcomeUnknown):
        return f"{text} (Nothing was changed; the same call may succeed in a few seconds.)"
    return text


def explain_unforeseen(tool: str) -> str:
    return (
        f"{tool} failed inside Recollect; its log on stderr says why. "
        "A retry is safe: reads change nothing, and an append with a key lands once."
    )


def explain_resource(error: RecollectError) -> ResourceError | MCPError:
    """The same for a resource: the protocol's code tells what is missing, and what was asked wrongly, from
    the rest."""
    if isinstance(error, NotFound):
        return ResourceNotFoundError(str(error))
    if isinstance(error, InvalidArgument):
        return MCPError(code=INVALID_PARAMS, message=explain(error))
    return ResourceError(explain(error))


def unknown_arguments(tool: str, unknown: Iterable[str], known: Iterable[str]) -> str:
    named = ", ".join(json.dumps(name[:60]) for name in list(unknown)[:MAX_PROBLEMS])
    return f"{tool} has no argument {named}. It takes: {', '.join(known)}."


def invalid_arguments(tool: str, error: ValidationError) -> str:
    """One line that names each wrong argument, and never repeats its value."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = "; ".join(f"{_path(problem['loc'])}: {_problem(problem)}" for problem in problems[:MAX_PROBLEMS])
    return f"{tool}: {told}."


def flags_for_numbers(tool: str, names: Iterable[str]) -> str:
    told = "; ".join(f"{name}: input should be an integer, not true or false" for name in names)
    return f"{tool}: {told}."


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location)


def _problem(problem: Any) -> str:
    if problem["type"] == "missing":
        return "is missing"
    message: str = problem["msg"]
    return message[0].lower() + message[1:]
