"""A provider of embeddings on loopback, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path(__file__).parent / "programs" / "embeddings_server.py"


@contextmanager
def served(vectors: str, python: str | Path = sys.executable) -> Generator[str]:
    """Its URL. vectors: what the program takes; python: of the environment that has what they need."""
    with subprocess.Popen([python, PROGRAM, vectors], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()
