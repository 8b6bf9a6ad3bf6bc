"""Answers as JSON, written once: exact, and of no use to a cache or to a browser that guesses."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from recollect.models.as_json import compact_json

# An answer is one user's, and never anything but JSON, whatever a message in it looks like.
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Answer(Response):
    """A JSON answer.

    head:      the conversation's head, which becomes the ETag: what If-Match compares with.
    location:  where what was made can be read.
    """

    media_type = "application/json"

    def __init__(
        self,
        content: object,
        status_code: int = 200,
        *,
        head: int | None = None,
        location: str | None = None,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        own = {} if head is None else {"ETag": f'"{head}"'}
        if location is not None:
            own["Location"] = location
        super().__init__(
            compact_json(content).encode(),
            status_code,
            headers={**_ALWAYS, **own, **(headers or {})},
            media_type=media_type,
        )
