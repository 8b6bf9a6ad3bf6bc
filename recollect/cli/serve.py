"""`recollect serve`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer

from recollect.mcp_server.http import serve
from recollect.mcp_server.logs import log_to_stderr
from recollect.settings import Settings


def command(
    host: Annotated[
        str | None,
        typer.Option(help="Loopback address to listen on. Default: RECOLLECT_HOST or 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 chooses a free one. Default: RECOLLECT_PORT or 8765."),
    ] = None,
) -> None:
    """Serve MCP over HTTP on this machine, for one user: Streamable HTTP at /mcp, SSE at /sse.

    It listens on loopback addresses only, since there are no tokens yet. Ctrl-C ends it.
    """
    settings = Settings()
    log_to_stderr(settings.log_level)
    code = asyncio.run(
        serve(
            settings,
            settings.host if host is None else host,
            settings.port if port is None else port,
            lambda address: _announce(address, settings.user_id),
        )
    )
    sys.stderr.flush()
    # Threads may still hang in an import or a connection; the interpreter would wait for them.
    os._exit(code)


def _announce(address: str, user_id: str) -> None:
    print(
        f"Recollect serves MCP at {address}/mcp (older clients: {address}/sse) as the user {user_id!r}.\n"
        f"Claude Code:  claude mcp add --transport http recollect {address}/mcp\n"
        f'Cursor:       {{"mcpServers": {{"recollect": {{"url": "{address}/mcp"}}}}}}\n'
        f'VS Code:      {{"servers": {{"recollect": {{"type": "http", "url": "{address}/mcp"}}}}}}\n'
        "Ctrl-C ends it.",
        file=sys.stderr,
        flush=True,
    )
