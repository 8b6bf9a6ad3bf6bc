"""The values of a JSON array, or of the lines of a file, one at a time.

No more of a file is in memory than one element and a piece around it. What is not JSON costs its
own element: reading goes on at the next one that looks like a conversation, or at the next line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.decoded import BAD, Decoded
from recollect.models.imported import Problem

MAX_ELEMENT_CHARS = 100_000_000
"""Largest element that is read: one conversation of an array, one line."""

_BETWEEN = re.compile(r"[ \t\n\r,]*")
_NEXT = re.compile(r",[ \t\n\r]*\{")
_LITERAL_CHARS = 16
"""A literal, a number's end or an escape that the buffer cut off is shorter than this."""

_PIECE_CHARS = 1 << 14
"""How much is looked at while the next element is searched: json counts the lines before an error."""

PATIENCE = 100_000
"""Attempts in a file to find where the next element begins, and pieces of it that are told as broken, before
it is not read further. An attempt that reads on, and finds no end, counts as `_LONG_ATTEMPT`."""

_LONG_ATTEMPT = 10_000

TOO_BROKEN = (
    "is not read further: too much of it is broken; mend it and import it again, nothing will come twice"
)


class NoObject(Problem):
    """A value that could be read and can be no conversation."""


@dataclass(slots=True)
class Element:
    """An object of a source. where: the file and the place in it."""

    value: JsonObject
    where: str
    notes: list[str] = field(default_factory=list[str])


def read_lines(text: Decoded, name: str) -> Iterator[Element | Problem]:
    """The objects of a file of JSON lines."""
    for number, line in enumerate(text.lines(MAX_ELEMENT_CHARS), 1):
        where = f"{name}, line {number}"
        if line is None:
            yield Problem(where, f"is longer than {MAX_ELEMENT_CHARS} characters")
            continue
        if not line or line.isspace():
            continue
        notes: list[str] = []
        if text.damaged:
            line = _repaired(line, notes)
        try:
            value = json.loads(line, strict=False)
        except (ValueError, RecursionError) as error:
            yield Problem(where, _problem(error))
        else:
            yield _element(value, where, notes)


def read_object(text: Decoded, name: str) -> Iterator[Element | Problem]:
    """The one object that a file holds."""
    pieces: list[str] = []
    length = 0
    while piece := text.read():
        length += len(piece)
        if length > MAX_ELEMENT_CHARS:
            yield Problem(name, f"is longer than {MAX_ELEMENT_CHARS} characters")
            return
        pieces.append(piece)
    notes: list[str] = []
    whole = "".join(pieces)
    if text.damaged:
        whole = _repaired(whole, notes)
    try:
        value = json.loads(whole, strict=False)
    except (ValueError, RecursionError) as error:
        yield Problem(name, _problem(error))
    else:
        yield _element(value, name, notes)


def read_array(
    text: Decoded, name: str, is_conversation: Callable[[JsonObject], bool]
) -> Iterator[Element | Problem]:
    """The objects of a file that holds a JSON array.

    is_conversation:  whether an object can be an element: where one is broken, reading goes on at
                      the next that can.
    """
    yield from _Array(text, name, is_conversation).elements()


class _Array:
    def __init__(self, text: Decoded, name: str, is_conversation: Callable[[JsonObject], bool]) -> None:
        self._text = text
        self._name = name
        self._is_conversation = is_conversation
        self._buffer = text.read()
        self._at = self._buffer.index("[") + 1
        self._base = 0  # of the buffer, in characters of the file
        self._ended = False
        self._decoder = json.JSONDecoder(strict=False)
        self._number = 0
        self._patience = PATIENCE

    def elements(self) -> Iterator[Element | Problem]:
        while True:
            self._skip(_BETWEEN)
            if self._at == len(self._buffer):
                yield Problem(self._place(), "the file ends here in the middle of the list")
                return
            if self._buffer[self._at] == "]":
                return
            self._number += 1
            where = f"{self._place()} (element {self._number})"
            begin = self._base + self._at
            try:
                value, end = self._decode()
            except (ValueError, RecursionError) as error:
                yield Problem(where, _problem(error))
                if not self._recover(begin):
                    if self._patience <= 0:
                        yield Problem(self._place(), TOO_BROKEN)
                    return
                continue
            notes: list[str] = []
            if self._text.damaged:
                repaired = _repaired(self._buffer[self._at : end], notes)
                value = json.loads(repaired, strict=False) if notes else value
            self._at = end
            yield _element(value, where, notes)

    def _decode(self) -> tuple[object, int]:
        """The value that begins here, and its end in the buffer, which grows until it holds it."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos > len(self._buffer) - _LITERAL_CHARS
                if not cut:
                    raise
                if not self._more():
                    self._patience -= _LONG_ATTEMPT if len(self._buffer) - self._at > _PIECE_CHARS else 0
                    raise
            else:
                if end < len(self._buffer) or isinstance(value, (dict, list, str)) or not self._more():
                    return cast("object", value), end

    def _recover(self, begin: int) -> bool:
        """Go to the next object that can be an element; whether there is one."""
        self._at += 1
        while self._patience > 0:
            self._release()
            found = _NEXT.search(self._buffer, self._at)
            if found is None:
                # The start of a separator may be at the end of the buffer.
                self._at = max(self._at, len(self._buffer) - _LITERAL_CHARS)
                if not self._more():
                    return False
                continue
            self._at = found.end() - 1
            try:
                value, end = self._decode()
            except (ValueError, RecursionError):
                self._patience -= 1
                self._at += 1
                continue
            if isinstance(value, dict) and self._is_conversation(cast("JsonObject", value)):
                return self._base + self._at > begin
            self._at = end
        return False

    def _release(self) -> None:
        """Keep a piece, and give the rest of the buffer back to be read again."""
        if len(self._buffer) - self._at > _PIECE_CHARS:
            self._text.unread(self._buffer[self._at + _PIECE_CHARS :], _PIECE_CHARS)
            self._buffer = self._buffer[self._at : self._at + _PIECE_CHARS]
            self._base += self._at
            self._at = 0
            self._ended = False

    def _skip(self, what: re.Pattern[str]) -> None:
        while True:
            found = what.match(self._buffer, self._at)
            self._at = self._at if found is None else found.end()
            if self._at < len(self._buffer) or not self._more():
                return

    def _more(self) -> bool:
        """Read on: as much again as is kept, so that an element is parsed again but a few times."""
        kept = len(self._buffer) - self._at
        if self._ended:
            return False
        if kept > MAX_ELEMENT_CHARS:
            self._patience -= _LONG_ATTEMPT
            raise ValueError(f"is longer than {MAX_ELEMENT_CHARS} characters")
        pieces = [self._buffer[self._at :]]
        read = 0
        while read <= kept and not self._ended:
            piece = self._text.read()
            self._ended = not piece
            pieces.append(piece)
            read += len(piece)
        self._base += self._at
        self._at = 0
        self._buffer = "".join(pieces)
        return read > 0

    def _place(self) -> str:
        return f"{self._name}, character {self._base + self._at + 1}"


def _element(value: object, where: str, notes: list[str]) -> Element | Problem:
    if not isinstance(value, dict):
        return NoObject(where, "is not an object")
    return Element(cast("JsonObject", value), where, notes)


def _repaired(raw: str, notes: list[str]) -> str:
    repaired, bad = BAD.subn("\ufffd", raw)
    if bad:
        notes.append("bytes that are not UTF-8, shown as U+FFFD")
    return repaired


def _problem(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON: {error.msg}"
    return str(error) if "characters" in str(error) else "holds a number with too many digits"
