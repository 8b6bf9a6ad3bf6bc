"""Folders for the data of servers under test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 8 << 30


@contextmanager
def server_folder() -> Generator[Path]:
    """A folder for one server, gone afterwards. Its path is short, since a socket's may have no more than
    107 bytes. It lies in memory where there is plenty: most of a test's time is to clone a database, and most
    of that is to write its 8 MB and their log."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES
    place = MEMORY if in_memory else None
    with tempfile.TemporaryDirectory(prefix="rt", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
