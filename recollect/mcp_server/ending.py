"""How a serving process ends: in time, whoever ends it and whatever hangs.

The end comes from the client closing our input, from SIGTERM or SIGINT, or from the death of
the parent (a client that is killed cannot close a pipe that another process still holds).
Each starts the same clock, which runs in a thread of its own: when it has run out, the process
is gone, even if the event loop, a connection or an import hangs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from types import FrameType

PATIENCE = 1.2
"""Seconds from the first sign of the end to the last resort."""

PARENT_CHECK = 0.3
"""Seconds between two looks at the parent. Together with `PATIENCE` below two seconds."""

DONE = 0
INTERRUPTED = 130


class Ending:
    """The sign that the process is to end, and the clock that makes sure of it."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.code = DONE
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._begun = asyncio.Event()
        self._clock: threading.Timer | None = None

    def begin(self, code: int = DONE) -> None:
        """Begin to end; from any thread. The exit code is that of the first sign."""
        self.start_clock(code)
        self._loop.call_soon_threadsafe(self._begun.set)

    def start_clock(self, code: int = DONE) -> None:
        """Start the clock while requests under way are still answered."""
        if self._clock is None:
            self.code = code
            self._clock = threading.Timer(self._patience, os._exit, (code,))
            self._clock.daemon = True
            self._clock.start()

    async def wait(self) -> None:
        """Wait until the end has begun."""
        await self._begun.wait()

    def watch_signals(self) -> None:
        """Begin to end at SIGTERM, SIGINT and, where it exists, SIGHUP or SIGBREAK."""
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
            if (number := getattr(signal, name, None)) is not None:
                signal.signal(number, self._on_signal)

    def watch_parent(self, parent: int) -> None:
        """Begin to end when the parent, as it was at start, is gone. Windows keeps no trace of that;
        there only the end of input tells."""
        if sys.platform != "win32":
            threading.Thread(target=self._poll_parent, args=(parent,), name="parent", daemon=True).start()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.begin(INTERRUPTED if number == signal.SIGINT else DONE)

    def _poll_parent(self, parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK)
        self.begin()
