"""Recollect's own PostgreSQL: found, started, shared between processes, and stopped when nobody uses it.

Imports the standard library and `recollect.models.errors` only. The design is in docs/embedded-postgres.md.
"""

from __future__ import annotations

from .error import EmbeddedError
from .server import EmbeddedPostgres
from .status import Status, status, stop

__all__ = ["EmbeddedError", "EmbeddedPostgres", "Status", "status", "stop"]
