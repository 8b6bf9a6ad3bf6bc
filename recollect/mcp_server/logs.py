"""Logging of the servers: one line a message on standard error."""

from __future__ import annotations

import logging
import sys


def log_to_stderr(level: str) -> None:
    """Log what has at least this level. To be called before a server is made: the SDK configures
    logging only where nobody has."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s recollect %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    # At DEBUG these write whole messages, and so what people said.
    for name in ("mcp", "sse_starlette", "hpack", "httpcore2", "httpx2"):
        logging.getLogger(name).setLevel("INFO" if level == "DEBUG" else level)
    # Below this the SDK logs the whole text of a tool's error, which may hold stored messages.
    logging.getLogger("mcp.server.mcpserver.server").setLevel(logging.WARNING)
