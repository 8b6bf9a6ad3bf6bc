"""What a client without a token reads first: who gives out tokens for this server (RFC 9728)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from recollect.identity.authorization import BASIC_SCOPES
from recollect.mcp_server.address import API_PATH, MCP_PATH, SSE_PATH, Address

ONE_HOUR = "max-age=3600"


def metadata_routes(address: Address, authorization_servers: Sequence[str]) -> list[Route]:
    """One document for the server and one for each of its doors: a client asks for the one of the
    URL that it was given, and compares the resource with it."""
    return [
        _route(f"{address.url}{path}", path, authorization_servers)
        for path in ("", MCP_PATH, SSE_PATH, API_PATH)
    ]


def _route(resource: str, path: str, authorization_servers: Sequence[str]) -> Route:
    document: dict[str, object] = {
        "resource": resource,
        "resource_name": "Recollect",
        "scopes_supported": list(BASIC_SCOPES),
        "bearer_methods_supported": ["header"],
    }
    if authorization_servers:
        document["authorization_servers"] = list(authorization_servers)

    async def answer(_request: Request) -> Response:
        return JSONResponse(document, headers={"Cache-Control": ONE_HOUR})

    return Route(f"/.well-known/oauth-protected-resource{path}", answer, methods=["GET"])
