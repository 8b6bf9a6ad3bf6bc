"""Everything of a user in one zip: `recollect.jsonl`, which `recollect import` reads back, one HTML
page, and a Markdown file for each conversation. The same content gives the same bytes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator

from recollect.db.exports import Exported
from recollect.history.exporting.shown import title_of

WHEN = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the first that a zip can hold."""

PIECE_BYTES = 1 << 18

README = """Your conversations, exported from Recollect.

recollect.jsonl     everything, exactly; `recollect import` reads it back
conversations.html  the same to read, in a browser
conversations/      the same as Markdown, one file for each conversation
"""

_UNFIT = re.compile(r"[^\w.-]+")


class _Out:
    """What the zip writes, until it is taken: a stream that never goes back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """What was written can still be taken."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return taken


class Archive:
    """A zip that is written piece by piece."""

    def __init__(self) -> None:
        self._out = _Out()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED)

    async def add(self, name: str, text: AsyncIterator[str]) -> AsyncGenerator[bytes]:
        """A member; yields what the zip has grown by."""
        info = zipfile.ZipInfo(name, WHEN)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as member:
            async for piece in text:
                member.write(piece.encode())
                if self._out.size > PIECE_BYTES:
                    yield self._out.take()
        yield self._out.take()

    def close(self) -> bytes:
        self._zip.close()
        return self._out.take()


def file_name(number: int, exported: Exported) -> str:
    """A name that every system takes, for a conversation's Markdown."""
    words = _UNFIT.sub("-", title_of(exported)).strip("-.")[:60].strip("-.")
    return f"conversations/{number:05}-{words or 'conversation'}.md"
