"""The SDK's server with what its high-level class does not offer: pages of resources, prompts that
are refused by the protocol's own error, a way to serve any pair of streams, and logging and spans
that stay ours."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server._otel import OpenTelemetryMiddleware
from mcp.server.context import ServerMiddleware, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_PARAMS,
    GetPromptResult,
    InputRequiredResult,
    ListResourcesResult,
    PaginatedRequestParams,
    Prompt,
)

from recollect.mcp_server.strict_tool import StrictTool
from recollect.mcp_server.tracing import traced

PageOfResources = Callable[[str | None], Awaitable[ListResourcesResult]]


class RecollectServer(MCPServer[Any]):
    """An MCPServer that serves streams of any transport and lists resources in pages."""

    def __init__(self, *args: Any, **options: Any) -> None:
        with _without_rich():
            super().__init__(*args, **options)
        ours: list[ServerMiddleware[Any]] = [traced]
        given = self._lowlevel_server.middleware
        given[:] = ours + [one for one in given if not isinstance(one, OpenTelemetryMiddleware)]
        self._lowlevel_server.get_tool_input_schema = self._schema_with_headers

    def page_resources(self, page: PageOfResources) -> None:
        """List what `page` gives for a cursor, after the resources registered here."""

        async def list_page(
            _context: ServerRequestContext[Any], params: PaginatedRequestParams
        ) -> ListResourcesResult:
            found = await page(params.cursor)
            if params.cursor is None:
                found.resources[:0] = await self.list_resources()
            return found

        self._lowlevel_server.add_request_handler("resources/list", PaginatedRequestParams, list_page)

    def _schema_with_headers(self, name: str) -> dict[str, Any] | None:
        """What says which of a call's arguments stand in its headers too, so that both can be compared.
        Nothing does in a tool of ours, and to look for it again at each call would take long."""
        tool = self._tool_manager.get_tool(name)
        return None if tool is None or isinstance(tool, StrictTool) else tool.parameters

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """A prompt by its name. The SDK takes a wrong name or argument for a defect of the server."""
        known = {prompt.name: prompt for prompt in await self.list_prompts()}
        problem = _wrong_prompt(known.get(name), arguments or {})
        if problem is not None:
            raise MCPError(code=INVALID_PARAMS, message=problem)
        return await super().get_prompt(name, arguments, context)

    async def serve_streams(
        self, read: ReadStream[SessionMessage | Exception], write: WriteStream[SessionMessage]
    ) -> None:
        """Serve one client until the read side ends."""
        await self._lowlevel_server.run(read, write, self._lowlevel_server.create_initialization_options())


def _wrong_prompt(prompt: Prompt | None, given: dict[str, Any]) -> str | None:
    """What is wrong with the name of a prompt or with its arguments; None if nothing is."""
    if prompt is None:
        return "name: there is no such prompt; prompts/list names those that there are"
    arguments = prompt.arguments or []
    missing = [one.name for one in arguments if one.required and one.name not in given]
    if missing:
        return f"{missing[0]}: is missing"
    if not given.keys() <= {one.name for one in arguments}:
        return f"arguments: {prompt.name} takes only {', '.join(one.name for one in arguments)}"
    return None


@contextmanager
def _without_rich() -> Generator[None]:
    """Hide rich, which the command line brings along, from the SDK: it would import it (which
    takes time) and then log through it in several wrapped lines a message. None in `sys.modules`
    is Python's documented way to make an import fail."""
    if "rich" in sys.modules:
        yield
        return
    hidden: dict[str, Any] = sys.modules
    hidden["rich"] = None
    try:
        yield
    finally:
        del hidden["rich"]
