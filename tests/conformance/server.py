"""Our application with the suite's fixtures on it: `python -m tests.conformance.server --port N`.

Everything but the fixtures is what `recollect serve` serves. Sessions of older clients are kept,
and answers are streams, since several fixtures speak with the client while they run.
"""

from __future__ import annotations

import sys

import anyio
import uvicorn

from recollect.mcp_server.address import Address
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import lazy_backend
from recollect.mcp_server.http import create_http_app
from recollect.settings import Settings
from tests.conformance.fixtures.mount import mount

HOST = "127.0.0.1"


async def main(port: int) -> None:
    """Serve until a signal."""
    settings = Settings()
    async with lazy_backend(settings) as backend:
        server = create_server(backend, identity=lambda: settings.user_id)
        mount(server)
        address = Address.of(settings, HOST, port)
        app = create_http_app(server, address, stateless=False, json_response=False)
        await uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="warning")).serve()


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[sys.argv.index("--port") + 1]))
