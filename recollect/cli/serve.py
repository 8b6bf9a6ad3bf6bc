"""`recollect serve`."""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from multiprocessing.connection import Connection
from typing import Annotated

import typer

from recollect.mcp_server.address import Address
from recollect.mcp_server.assembly import takes_tokens
from recollect.serving.app import create_app, has_extra
from recollect.serving.logs import log_as
from recollect.serving.process import MARGIN, bound, run, serve
from recollect.serving.siblings import Place, places
from recollect.serving.workers import Workers
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
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that serve. Default: RECOLLECT_WORKERS or 1."),
    ] = None,
) -> None:
    """Serve MCP and REST over HTTP: Streamable HTTP at /mcp, SSE at /sse, REST below /api/.

    With RECOLLECT_ISSUERS or RECOLLECT_ACCESS_TOKENS it serves everybody who has a token.
    Without them it serves one user, on this machine's own addresses only. Ctrl-C ends it.
    """
    settings = Settings()
    log_as(settings.log_format, settings.log_level)
    host = settings.host if host is None else host
    count = settings.workers if workers is None else workers
    with bound(settings, host, settings.port if port is None else port) as (listener, address):
        where = f"{host}:{listener.getsockname()[1]}"

        def listening() -> None:
            _announce(address.url, where, settings)

        if count == 1:
            code = run(settings, serve(settings, listener, address, create_app, listening))
        else:
            with places(count if settings.metrics and has_extra() else 0) as known:
                work = partial(_work, address, os.getpid(), known)
                patience = settings.drain_timeout + 2 * MARGIN
                code = Workers(count, listener, work, patience=patience).run(listening)
    sys.stderr.flush()
    # Threads may still hang in an import or a connection; the interpreter would wait for them.
    os._exit(code)


def _work(
    address: Address,
    parent: int,
    known: list[Place],
    number: int,
    listener: socket.socket,
    ready: Connection,
) -> None:
    """One of several processes. Its settings come from where its parent's came from."""
    settings = Settings()
    log_as(settings.log_format, settings.log_level)
    make_app = partial(create_app, place=known[number] if known else None)
    serving = serve(settings, listener, address, make_app, lambda: ready.send_bytes(b"!"), parent=parent)
    code = run(settings, serving)
    sys.stderr.flush()
    os._exit(code)


def _announce(address: str, where: str, settings: Settings) -> None:
    who = "for everybody who has a token" if takes_tokens(settings) else f"as the user {settings.user_id!r}"
    how = 'recollect token create NAME --user ID; send it as "Authorization: Bearer TOKEN"'
    tokens = f"Tokens:       {how}\n" if settings.access_tokens else ""
    rest = f"REST API:     {address}/api/me/conversations" if has_extra() else NO_REST
    print(
        f"Recollect serves MCP at {address}/mcp (older clients: {address}/sse) {who}.\n"
        f"Claude Code:  claude mcp add --transport http recollect {address}/mcp\n"
        f'Cursor:       {{"mcpServers": {{"recollect": {{"url": "{address}/mcp"}}}}}}\n'
        f'VS Code:      {{"servers": {{"recollect": {{"type": "http", "url": "{address}/mcp"}}}}}}\n'
        f"{rest}\n{tokens}"
        f"Ctrl-C ends it; it listens on {where}",
        file=sys.stderr,
        flush=True,
    )
