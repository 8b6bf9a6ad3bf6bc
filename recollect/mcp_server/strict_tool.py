"""A tool as this server registers it: strict about arguments, compact on the wire, safe in failure.

The SDK's own `Tool` drops arguments it does not know, sends `title` noise, and answers wrong
arguments with several lines that repeat the caller's data.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self, cast

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import PrivateAttr, ValidationError

from recollect.mcp_server.backend import History
from recollect.mcp_server.boundary import (
    explain,
    explain_unforeseen,
    flags_for_numbers,
    invalid_arguments,
    unknown_arguments,
)
from recollect.models.errors import NotReady, RecollectError, Unavailable

logger = logging.getLogger(__name__)

READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
ADDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
CHANGES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
DESTROYS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)

LARGE_RESULT = {"anthropic/maxResultSizeChars": 500_000}
"""Without this, Claude Code shows only a preview of results above 50,000 characters. It takes no more;
100,000 tokens of English prose are 470,000 characters."""

IN_EVERY_TURN = {"anthropic/alwaysLoad": True}
"""Claude Code shows a model only the names of other tools, until it asks for them."""

Reach = Callable[[], Awaitable[History]]
"""Gives the caller's history; may raise RecollectError."""


class Definition(NamedTuple):
    """A tool before it belongs to a server. `run` takes the history first, then its arguments;
    its name is the tool's, and its docstring is what a model reads."""

    run: Callable[..., Awaitable[str | CallToolResult]]
    annotations: ToolAnnotations
    meta: dict[str, Any] | None = None


class StrictTool(Tool):
    """A tool that gets the caller's history instead of the SDK's context.

    null stands for an argument that was not given: some clients send every optional argument.
    """

    _reach: Reach = PrivateAttr()

    @classmethod
    def bind(cls, definition: Definition, reach: Reach) -> Self:
        tool = cast(
            "Self",
            cls.from_function(
                definition.run,
                description=_flowed(definition.run.__doc__ or ""),
                context_kwarg="history",
                annotations=definition.annotations,
                meta=definition.meta,
                structured_output=False,
            ),
        )
        tool.parameters = _compact(tool.parameters) | {"additionalProperties": False}
        tool._reach = reach
        return tool

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,
    ) -> CallToolResult | InputRequiredResult:
        try:
            given = self._validated(arguments)
            answer = await self.fn(**given, history=await self._reach())
            return self.fn_metadata.convert_result(answer)
        except (MCPError, ToolError):
            raise
        except RecollectError as error:
            if isinstance(error, (NotReady, Unavailable)):  # what an operator, too, has to hear of
                logger.warning("%s failed: %s", self.name, error)
            raise ToolError(explain(error)) from error
        except Exception as error:  # the door's one boundary; the SDK logs the cause
            raise UnexpectedToolError(explain_unforeseen(self.name)) from error

    def _validated(self, sent: dict[str, Any]) -> dict[str, Any]:
        """The arguments that were given, with their types. Raises: ToolError."""
        model = self.fn_metadata.arg_model
        known = model.model_fields
        unknown = [name for name in sent if name not in known]
        if unknown:
            raise ToolError(unknown_arguments(self.name, unknown, known))
        given = {name: value for name, value in sent.items() if value is not None}
        try:
            validated = model.model_validate(given)
        except ValidationError as error:
            raise ToolError(invalid_arguments(self.name, error)) from error
        arguments = {name: getattr(validated, name) for name in given}
        flags = [
            name for name in given if isinstance(given[name], bool) and given[name] is not arguments[name]
        ]
        if flags:  # pydantic takes true for 1, which would branch off the first message
            raise ToolError(flags_for_numbers(self.name, flags))
        return arguments


def _flowed(docstring: str) -> str:
    """Paragraphs without the line breaks and the indentation of the source."""
    paragraphs = docstring.strip().split("\n\n")
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _compact(schema: Any) -> Any:
    """A JSON schema without titles, without `null` defaults, and without the `null` alternative of
    optional arguments (which are left out, or null)."""
    if isinstance(schema, list):
        return [_compact(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, Any]", schema)
    compact = {
        name: {key: _compact(value) for key, value in value.items()}
        if name == "properties"
        else _compact(value)
        for name, value in fields.items()
        if name != "title" and not (name == "default" and value is None)
    }
    if (choices := compact.get("anyOf")) is not None and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del compact["anyOf"]
        compact = rest[0] | compact if len(rest) == 1 else {"anyOf": rest} | compact
    return compact
