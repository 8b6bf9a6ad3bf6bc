"""The stream of changes: server-sent events that say which conversation to look at again."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from fastapi import Request

from recollect.api.conversations import ALL
from recollect.api.operation import Operation
from recollect.api.parameters import Calling, Mine
from recollect.api.route import Door
from recollect.api.streamed import STALL_SECONDS, Streamed
from recollect.identity.caller import READ
from recollect.models.as_json import compact_json

MEDIA_TYPE = "text/event-stream"

RETRY_MS = 2_000
"""After so long a client whose stream ended comes again."""

_HEADERS = {"X-Accel-Buffering": "no"}


async def listen_to_changes(request: Request, history: Mine, caller: Calling) -> Streamed:
    """Hear of changes, as server-sent events: `listening` once it begins, then `changed` with the
    conversation_id of each conversation that changed, through whichever door and process. What changed
    before is not told: list after `listening`. A stream ends after a quarter of an hour, or with its
    token; listen again."""
    door: Door = request.app.state.door
    changes = door.changes(caller)
    await anext(changes)  # what keeps it from listening is a problem, not a stream that ends
    return Streamed(_events(changes), headers=_HEADERS, media_type=MEDIA_TYPE, stall_seconds=STALL_SECONDS)


async def _events(changes: AsyncGenerator[str | None]) -> AsyncGenerator[bytes]:
    try:
        yield f"retry: {RETRY_MS}\nevent: listening\ndata: {{}}\n\n".encode()
        async for id in changes:
            if id is None:
                yield b": nothing new\n\n"
            else:
                yield f"event: changed\ndata: {compact_json({'conversation_id': id})}\n\n".encode()
    finally:
        await changes.aclose()


OPERATIONS = (
    Operation("GET", ALL.replace("/conversations", "/events"), listen_to_changes, (READ,), MEDIA_TYPE),
)
