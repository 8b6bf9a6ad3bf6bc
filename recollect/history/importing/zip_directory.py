"""How much a zip says of its members: `zipfile` reads all of it at once, and makes an object of each."""

from __future__ import annotations

import os
from typing import IO

_END, _END_BYTES = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_BYTES = b"PK\x06\x07", 20
_END_64, _END_64_BYTES = b"PK\x06\x06", 56
_LONGEST_COMMENT = 65_536


def directory_bytes(file: IO[bytes]) -> int:
    """The size of the list of members, as the end of the file gives it; 0 without such an end. The end
    is looked for as `zipfile` does it."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _LONGEST_COMMENT - _END_BYTES - _LOCATOR_BYTES - _END_64_BYTES)
    file.seek(start)
    tail = file.read()
    at = max(0, len(tail) - _END_BYTES)
    if not (tail.startswith(_END, at) and tail.endswith(b"\0\0")):
        at = tail.rfind(_END)
        if at < 0:
            return 0
    listed = _number(tail[at + 12 : at + 16])
    locator = at - _LOCATOR_BYTES
    if locator < 0 or not tail.startswith(_LOCATOR, locator):
        return listed
    # The larger form stands right before, or where the locator says; versions of `zipfile` differ.
    larger: list[int] = []
    for place in (start + locator - _END_64_BYTES, _number(tail[locator + 8 : locator + 16])):
        if 0 <= place < size:
            file.seek(place)
            record = file.read(_END_64_BYTES)
            if record.startswith(_END_64):
                larger.append(_number(record[40:48]))
    return max(larger, default=listed)


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
