"""The one error of the embedded server."""

from __future__ import annotations

from recollect.models.errors import NotReady


class EmbeddedError(NotReady):
    """The embedded PostgreSQL cannot be started or reached; the text says what to do."""
