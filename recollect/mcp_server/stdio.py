"""`recollect` alone: MCP on standard input and output, for one client and one user."""

from __future__ import annotations

import asyncio
import os
import sys

import anyio

from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import lazy_backend
from recollect.mcp_server.ending import Ending
from recollect.mcp_server.logs import log_to_stderr
from recollect.mcp_server.pipes import claimed_pipes
from recollect.settings import Settings

HINT = (
    "Recollect serves MCP here: it waits for a client's messages on standard input. "
    "`recollect demo` shows it at work, `recollect --help` what else there is; Ctrl-C ends it.\n"
)


def main() -> None:
    """Serve until the client goes away, then end the process: within two seconds, without waiting
    for threads. Raises: ValidationError for wrong settings."""
    parent = os.getppid()
    settings = Settings()
    log_to_stderr(settings.log_level)
    if sys.stdin.isatty():
        sys.stderr.write(HINT)
    code = asyncio.run(_serve(settings, parent))
    sys.stderr.flush()
    # Threads may still hang in a read, an import or a connection; the interpreter would wait.
    os._exit(code)


async def _serve(settings: Settings, parent: int) -> int:
    ending = Ending()
    ending.watch_signals()
    ending.watch_parent(parent)
    async with lazy_backend(settings) as backend, claimed_pipes() as pipes:
        server = create_server(backend, identity=lambda: settings.user_id)

        async def write_until_done() -> None:
            await pipes.pump_out()
            ending.begin()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pipes.pump_in, ending.start_clock)
            tasks.start_soon(server.serve_streams, pipes.read, pipes.write)
            tasks.start_soon(write_until_done)
            await ending.wait()
            tasks.cancel_scope.cancel()
    return ending.code
