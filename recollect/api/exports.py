"""The operations that give conversations away: one in a format of choice, or everything in a zip."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated
from urllib.parse import quote

from fastapi import Query, Request

from recollect.api.conversations import ALL, ONE
from recollect.api.operation import Operation
from recollect.api.parameters import Calling, ConversationId, Mine
from recollect.api.route import Door
from recollect.api.streamed import Streamed, begun, in_pieces
from recollect.history.exporting import ExportFormat
from recollect.identity.caller import READ

LINES = "application/x-ndjson"
ZIP = "application/zip"

MEDIA_TYPES: dict[ExportFormat, str] = {
    "jsonl": LINES,
    "json": "application/json",
    "markdown": "text/markdown",
    "html": "text/html",
    "openai": LINES,
    "anthropic": LINES,
}

ENDS: dict[ExportFormat, str] = {
    "jsonl": "jsonl",
    "json": "json",
    "markdown": "md",
    "html": "html",
    "openai": "openai.jsonl",
    "anthropic": "anthropic.jsonl",
}

# A page of somebody's words is not to act on this server's behalf, should a browser open it.
_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


async def export_everything(request: Request, history: Mine, caller: Calling) -> Streamed:
    """Everything of this user in one zip, out of one moment: `recollect.jsonl` with every byte, which an
    import reads back, the trash included; the same to read as one HTML page, and as a Markdown file for
    each conversation. It is sent while it is made."""
    door: Door = request.app.state.door
    pieces = await begun(_admitted(door, caller.user_id, history.export_zip()))
    return Streamed(pieces, media_type=ZIP, headers=_attached("recollect-export.zip"))


async def export_conversation(
    request: Request,
    history: Mine,
    caller: Calling,
    conversation_id: ConversationId,
    format: Annotated[
        ExportFormat,
        Query(
            description="jsonl and json hold everything exactly, for an import. markdown and html are to be "
            "read. openai and anthropic are JSON lines of the current path, for other programs."
        ),
    ] = "jsonl",
) -> Streamed:
    """One conversation, whole, out of one moment, also one in the trash. It is sent while it is made."""
    door: Door = request.app.state.door
    texts = in_pieces(history.export(format=format, id=conversation_id))
    pieces = await begun(_admitted(door, caller.user_id, texts))
    headers = _attached(f"{conversation_id}.{ENDS[format]}")
    if format == "html":
        headers["Content-Security-Policy"] = _POLICY
    return Streamed(pieces, media_type=MEDIA_TYPES[format], headers=headers)


async def _admitted(door: Door, user_id: str, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        with door.exports.admit(user_id):
            async for piece in pieces:
                yield piece
    finally:
        await pieces.aclose()


def _attached(name: str) -> dict[str, str]:
    """The name of the file, which may be in any script (RFC 8187)."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


OPERATIONS = (
    Operation("GET", ALL.replace("/conversations", "/export"), export_everything, (READ,), ZIP),
    Operation(
        "GET", ONE + "/export", export_conversation, (READ,), ", ".join(dict.fromkeys(MEDIA_TYPES.values()))
    ),
)
