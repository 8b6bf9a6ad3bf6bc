"""Conversations out of other programs' exports, one module for each format; `read` finds out which."""

from __future__ import annotations

from recollect.history.importing.read import read

__all__ = ["read"]
