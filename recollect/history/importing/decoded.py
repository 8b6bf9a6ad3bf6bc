"""The text of a file in pieces, whatever its encoding."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO

CHUNK_BYTES = 1 << 18

BAD = re.compile("[\udc80-\udcff]")
"""How a byte that is not of the encoding stands in the text. JSON cannot hold such a character
but as an escape, so it is told apart from all that was written on purpose."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Decoded:
    """Reads a binary file as text: UTF-8, or UTF-16 and UTF-32 where a mark or NULs say so.

    on_bytes:  is told how much was read, piece by piece.
    damaged:  bytes were met that are not of the encoding; `BAD` finds them.
    """

    def __init__(self, file: IO[bytes], on_bytes: Callable[[int], None] | None = None) -> None:
        self._file = file
        self._on_bytes = on_bytes
        self._first = file.read(CHUNK_BYTES)
        # "surrogateescape" would take UTF-16's pairs for bytes; those files have a mark and are rare.
        encoding = _encoding(self._first)
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._ended = False
        self._unread: deque[str] = deque()
        self.damaged = False

    def peek(self) -> str:
        """The next piece, which the next read gives again."""
        piece = self.read()
        self._unread.appendleft(piece)
        return piece

    def unread(self, text: str, chars: int) -> None:
        """Take `text` back, for the next reads to give in pieces of so many characters."""
        self._unread.extendleft(text[at : at + chars] for at in reversed(range(0, len(text), chars)))

    def read(self) -> str:
        """The next piece; empty at the end."""
        if self._unread:
            return self._unread.popleft()
        while not self._ended:
            raw, self._first = self._first or self._file.read(CHUNK_BYTES), b""
            self._ended = not raw
            if self._on_bytes is not None:
                self._on_bytes(len(raw))
            text = self._decoder.decode(raw, final=self._ended)
            if text:
                if not self.damaged and not text.isascii():
                    self.damaged = BAD.search(text) is not None
                return text
        return ""

    def lines(self, longest: int) -> Iterator[str | None]:
        """Line by line, without the ends; None for a line of more than `longest` characters. Only LF
        and CR LF end a line: JSON may hold the others."""
        parts: list[str] = []
        length = 0
        while piece := self.read():
            first, *others = piece.split("\n")
            length += len(first)
            parts = [*parts, first] if length <= longest else []
            for other in others:
                yield "".join(parts) if length <= longest else None
                parts, length = [other], len(other)
        if length:
            yield "".join(parts) if length <= longest else None


def _encoding(start: bytes) -> str:
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if start[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if start[:1] == b"\0" else "utf-8"
