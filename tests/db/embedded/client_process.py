"""Other processes that use the embedded server, as MCP clients start them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[3]

_PROGRAM = """
import os, sys
from pathlib import Path
from recollect.db.embedded import EmbeddedError, EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), grace_seconds=float(sys.argv[2]))
try:
    print(server.ensure(), flush=True)
    for line in sys.stdin:
        print(server.ensure(), flush=True)
except EmbeddedError as error:
    print(f"EmbeddedError: {error}", flush=True)
"""


class ClientProcess:
    """A process that holds the server. `url()` waits for what it printed; `again()` has it ensure anew."""

    def __init__(self, home: Path, grace: float = 0.5, *, uid: int | None = None, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(home), str(grace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
            cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]]), **environment},
        )
        self.pid = self._process.pid

    def url(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def again(self) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        return self.url()

    def end(self, number: signal.Signals | None = None) -> None:
        """End it: with a signal, or by closing its input."""
        if number is not None:
            self._process.send_signal(number)
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
