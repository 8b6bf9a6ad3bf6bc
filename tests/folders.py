"""Folders for the data of servers under test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
PLENTY_BYTES = 6 << 30


def place() -> Path:
    """Where the tests' servers live: in memory where there is plenty. Most of a test's time is to clone a
    database, and most of that is to write its 8 MB and their log. The path is short: a socket's may have no
    more than 107 bytes."""
    plenty = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= PLENTY_BYTES
    return MEMORY if plenty else Path("/tmp")


@contextmanager
def server_folder() -> Generator[Path]:
    """A folder for one server, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rt", dir=place(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)
