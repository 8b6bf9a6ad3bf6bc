"""How much of the disk a run may take, and whether there is enough for what comes next."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GIGABYTE = 10**9
LOG_BYTES = 4 * GIGABYTE
"""For the write-ahead log, which grows up to a bound during the load."""


MESSAGE_BYTES = 1_150
"""What a message is expected to take with its indexes, to say beforehand how far a run will get."""


@dataclass(frozen=True, slots=True)
class Room:
    """most: bytes that the run may take; spare: bytes that it leaves free on the disk for others."""

    folder: Path
    most: int = 55 * GIGABYTE
    spare: int = 10 * GIGABYTE

    def used(self) -> int:
        size = 0
        for folder, _, files in os.walk(self.folder):
            for name in files:
                with suppress(FileNotFoundError):  # the server removes files at any time
                    size += os.lstat(Path(folder, name)).st_blocks * 512
        return size

    def disk(self) -> int:
        """The size of the whole disk."""
        return shutil.disk_usage(self.folder).total

    def forecast(self, messages: int) -> str:
        """What so many messages will need, and how many of them there is room for."""
        free = shutil.disk_usage(self.folder).free - self.spare
        fit = (min(self.most, free) - LOG_BYTES) // MESSAGE_BYTES
        needed = messages * MESSAGE_BYTES + LOG_BYTES
        if fit >= messages:
            return f"{messages:,} messages need about {_gb(needed)} of disk, which there is"
        return f"{messages:,} messages need about {_gb(needed)} of disk; there is room for about {fit:,}"

    def lacks(self, more: int) -> str | None:
        """Why so many bytes more are too many; None if they are not."""
        used, free = self.used(), shutil.disk_usage(self.folder).free
        if used + more > self.most:
            return (
                f"the run may take {_gb(self.most)} of disk; it has {_gb(used)} and needs {_gb(more)} more "
                "to go on"
            )
        if free - more < self.spare:
            return f"{_gb(free)} of disk are free, of which {_gb(self.spare)} stay so; it needs {_gb(more)}"
        return None


def _gb(size: int) -> str:
    return f"{size / GIGABYTE:.1f} GB"
