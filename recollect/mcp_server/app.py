"""The server, put together: tools, resources, prompts, whatever the transport.

One server speaks every protocol version. No tool takes a user id: `identity` says who calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from mcp.server import CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.subscriptions import SubscriptionBus

from recollect.mcp_server.backend import Backend, History
from recollect.mcp_server.instructions import INSTRUCTIONS
from recollect.mcp_server.prompts import add_prompts
from recollect.mcp_server.resources import add_resources
from recollect.mcp_server.server import RecollectServer
from recollect.mcp_server.strict_tool import StrictTool
from recollect.mcp_server.tools import DEFINITIONS

ONE_HOUR_MS = 3_600_000
_SAME_FOR_ALL = CacheHint(ttl_ms=ONE_HOUR_MS, scope="public")
_OF_ONE_USER = CacheHint(ttl_ms=0, scope="private")


def create_server(
    backend: Backend,
    *,
    identity: Callable[[], str],
    middleware: Sequence[ServerMiddleware[Any]] = (),
    subscriptions: SubscriptionBus | None = None,
) -> RecollectServer:
    """A server over the store of `backend`.

    identity:    gives the user of the present request; called once for each.
    middleware:  what each request passes first, such as a look at what its token allows.
    subscriptions:  tells clients of changes. None: of those that a tool tells itself.

    More tools and resources may be added to what comes back; the transports serve it.
    """

    async def reach() -> History:
        return await backend.history(identity())

    async def warm_up(context: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Open the store right after the tools were listed: the first call finds it open."""
        result = await call_next(context)
        if context.method == "tools/list":
            backend.warm()
        return result

    server = RecollectServer(
        "recollect",
        title="Recollect",
        description="Durable conversation history for agents that remember nothing between turns.",
        instructions=INSTRUCTIONS,
        version=version("recollect"),
        tools=[StrictTool.bind(definition, reach) for definition in DEFINITIONS],
        cache_hints={
            "server/discover": _SAME_FOR_ALL,
            "tools/list": _SAME_FOR_ALL,
            "prompts/list": _SAME_FOR_ALL,
            "resources/templates/list": _SAME_FOR_ALL,
            "resources/list": _OF_ONE_USER,
            "resources/read": _OF_ONE_USER,
        },
        middleware=[*middleware, warm_up],
        subscriptions=subscriptions,
    )
    add_resources(server, reach)
    add_prompts(server, reach)
    return server
