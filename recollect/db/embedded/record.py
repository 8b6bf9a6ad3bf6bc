"""What the supervisor writes down about the running server, for people and for `recollect db status`.

Only Windows clients need it to connect (the port); nothing is decided by the process ids in it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """Process ids, the version such as `18.6`, folders as absolute paths, and the port on Windows."""

    postmaster: int
    supervisor: int
    version: str
    binaries: str
    data: str
    port: int


def write_record(path: Path, record: Record) -> None:
    """Replace the record; a reader sees the old one or the new one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(record), indent=2), encoding="utf-8")
    fresh.replace(path)


def read_record(path: Path) -> Record | None:
    """The record, None if there is none or if it is not one."""
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
