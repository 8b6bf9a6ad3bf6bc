"""Conversations out of other programs' exports, one module for each format; `read` finds out which."""

from __future__ import annotations

from recollect.history.importing.files import total_bytes
from recollect.history.importing.read import read

__all__ = ["read", "total_bytes"]
