"""Conversations out of other programs' exports, one module for each format; `read` finds out which."""

from __future__ import annotations

from recollect.history.importing.files import total_bytes
from recollect.history.importing.read import read, read_opened

__all__ = ["read", "read_opened", "total_bytes"]
