"""Which scopes an MCP request takes, whatever the transport and the protocol version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from recollect.identity.caller import ERASE, READ, WRITE
from recollect.mcp_server.strict_tool import READS, Definition
from recollect.mcp_server.tools import DEFINITIONS

# What says the same to everybody. A token is needed for these too, but it may allow nothing.
_THE_SAME_FOR_ALL = frozenset(
    (
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/templates/list",
        "logging/setLevel",
    )
)

_TOOLS = {definition.run.__name__: definition for definition in DEFINITIONS}


def needed(method: str, params: object) -> tuple[str, ...]:
    """All scopes that a request takes. What is not known here takes the right to read."""
    if method in _THE_SAME_FOR_ALL or method.startswith("notifications/"):
        return ()
    if method != "tools/call":
        return (READ,)
    call = _mapping(params)
    definition = _TOOLS.get(str(call.get("name")))
    return (READ,) if definition is None else _of_tool(definition, _mapping(call.get("arguments")))


def depends_on_arguments(tool: str) -> bool:
    """Whether the same tool takes other scopes with other arguments."""
    definition = _TOOLS.get(tool)
    return definition is not None and bool(definition.annotations.destructive_hint)


def _of_tool(definition: Definition, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    if definition.annotations == READS:
        return (READ,)
    # A tool that destroys moves to the trash only, unless the call says otherwise.
    if definition.annotations.destructive_hint and arguments.get("permanent") not in (None, False):
        return (ERASE,)
    return (WRITE,)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
