"""The columns of one append, one entry a message; `recollect.history.incoming` makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Batch:
    """terms, languages: what the search index holds beside the text; see `recollect.models.terms`.
    fingerprint: the hash of the whole append, only where it has an idempotency key.
    """

    roles: list[str] = field(default_factory=list[str])
    authors: list[str | None] = field(default_factory=list[str | None])
    texts: list[str] = field(default_factory=list[str])
    parts: list[str | None] = field(default_factory=list[str | None])
    token_counts: list[int] = field(default_factory=list[int])
    metadata: list[str | None] = field(default_factory=list[str | None])
    occurred_at: list[datetime | None] = field(default_factory=list[datetime | None])
    terms: list[str | None] = field(default_factory=list[str | None])
    languages: list[int | None] = field(default_factory=list[int | None])
    fingerprint: bytes | None = None
