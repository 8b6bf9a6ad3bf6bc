"""The servers that are compared, as a client starts them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

RECOLLECT = [sys.executable, "-m", "recollect"]
BARE = [sys.executable, str(Path(__file__).with_name("bare_server.py"))]
FLOOR = [sys.executable, "-m", "benchmarks.floor_server"]


def environment(home: Path) -> dict[str, str]:
    """What a client passes on, and where Recollect finds the database of this run."""
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT") if name in os.environ}
    return passed | {"RECOLLECT_CONFIG": os.devnull, "RECOLLECT_HOME": str(home)}
