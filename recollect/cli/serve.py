"""`recollect serve`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Annotated

import typer

from recollect.serving.app import has_extra, takes_tokens
from recollect.serving.logs import log_as
from recollect.serving.process import serve
from recollect.settings import Settings

NO_REST = "REST API:     not installed; pip install 'recollect[server]' brings it, and /metrics"


def command(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. Default: RECOLLECT_HOST or 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 chooses a free one. Default: RECOLLECT_PORT or 8765."),
    ] = None,
) -> None:
    """Serve MCP and REST over HTTP: Streamable HTTP at /mcp, SSE at /sse, REST below /api/.

    With RECOLLECT_ISSUERS or RECOLLECT_ACCESS_TOKENS it serves everybody who has a token.
    Without them it serves one user, on this machine's own addresses only. Ctrl-C ends it.
    """
    settings = Settings()
    log_as(settings.log_format, settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        code = runner.run(
            serve(
                settings,
                settings.host if host is None else host,
                settings.port if port is None else port,
                lambda address, where: _announce(address, where, settings),
            )
        )
    sys.stderr.flush()
    # Threads may still hang in an import or a connection; the interpreter would wait for them.
    os._exit(code)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, where the extra brought it along."""
    if find_spec("uvloop") is None:
        return None
    import uvloop  # imported here, since it is not there without the extra

    return uvloop.new_event_loop


def _announce(address: str, where: str, settings: Settings) -> None:
    who = "for everybody who has a token" if takes_tokens(settings) else f"as the user {settings.user_id!r}"
    rest = f"REST API:     {address}/api/me/conversations" if has_extra() else NO_REST
    print(
        f"Recollect serves MCP at {address}/mcp (older clients: {address}/sse) {who}.\n"
        f"Claude Code:  claude mcp add --transport http recollect {address}/mcp\n"
        f'Cursor:       {{"mcpServers": {{"recollect": {{"url": "{address}/mcp"}}}}}}\n'
        f'VS Code:      {{"servers": {{"recollect": {{"type": "http", "url": "{address}/mcp"}}}}}}\n'
        f"{rest}\n"
        f"Ctrl-C ends it; it listens on {where}",
        file=sys.stderr,
        flush=True,
    )
