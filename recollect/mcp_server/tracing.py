"""A span for each MCP request, by the conventions of OpenTelemetry, without content.

The SDK's own spans carry the name of a tool as the client wrote it, the text of an error, and a
recorded exception with the texts of all that led to it.
"""

from __future__ import annotations

from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared._otel import extract_trace_context
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from recollect.mcp_server.tools import DEFINITIONS

_tracer = trace.get_tracer("recollect")
_TOOLS = frozenset(definition.run.__name__ for definition in DEFINITIONS)
_METHODS = frozenset(
    (
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "resources/subscribe",
        "resources/unsubscribe",
        "subscriptions/listen",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
    )
)
_OTHER = "_OTHER"
"""Stands for what only the client knows: a span's name is none of its words."""


def spans_are_kept() -> bool:
    """Whether there is somebody who gets spans. Where nobody is, none is made: that costs a request some
    hundredths of its time."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


async def traced(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware of the MCP server."""
    if not spans_are_kept():
        return await call_next(ctx)
    method = ctx.method if ctx.method in _METHODS else _OTHER
    attributes: dict[str, str] = {"mcp.method.name": method, "mcp.protocol.version": ctx.protocol_version}
    tool = None
    if method == "tools/call":
        name = (ctx.params or {}).get("name")
        tool = name if isinstance(name, str) and name in _TOOLS else _OTHER
        attributes |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
    with _tracer.start_as_current_span(
        method if tool is None else f"{method} {tool}",
        kind=SpanKind.SERVER,
        attributes=attributes,
        context=extract_trace_context(ctx.meta),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            result = await call_next(ctx)
        except BaseException as error:
            kind = str(error.error.code) if isinstance(error, MCPError) else type(error).__qualname__
            span.set_attribute("error.type", kind)
            span.set_status(StatusCode.ERROR)
            raise
        if isinstance(result, CallToolResult) and result.is_error:
            span.set_attribute("error.type", "tool_error")
            span.set_status(StatusCode.ERROR)
        return result
