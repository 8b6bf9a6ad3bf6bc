"""Real server processes for tests: raw lines in, raw lines out, every wait with a limit."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

ANSWER_LIMIT = 20.0
"""Seconds an answer may take on a busy machine, the start of the process included."""

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "tests", "version": "0"},
}


def environment(extra: dict[str, str]) -> dict[str, str]:
    """What a client passes on, plus settings."""
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT") if name in os.environ}
    return passed | {"RECOLLECT_CONFIG": os.devnull} | extra


class StdioProcess:
    """`recollect` as a client starts it; `command` replaces it."""

    def __init__(self, settings: dict[str, str], log: Path, command: list[str] | None = None) -> None:
        self._log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                command or [sys.executable, "-m", "recollect"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(settings),
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input: IO[bytes] = self.process.stdin
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._stopped = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()
        self._next_id = 1000

    def send(self, line: bytes) -> None:
        self.input.write(line + b"\n")
        self.input.flush()

    def receive(self) -> dict[str, Any]:
        """The next line on standard output, which must be JSON."""
        line = self._lines.get(timeout=ANSWER_LIMIT)
        assert line, f"the server ended: {self.log()}"
        return json.loads(line)

    def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and give its answer."""
        self._next_id += 1
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params or {}}
        self.send(json.dumps(request).encode())
        answer = self.receive()
        assert answer["id"] == self._next_id, answer
        return answer

    def initialize(self) -> None:
        assert "result" in self.ask("initialize", INITIALIZE)
        self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool; the text of its answer, error or not."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]["content"][0]["text"]

    def wait(self, limit: float) -> int:
        """Wait for the end: the exit code."""
        return self.process.wait(limit)

    def stop_reading(self) -> None:
        """Leave what the server writes in the pipe, from the line after the next one on."""
        self._stopped.set()

    def log(self) -> str:
        """What it wrote on standard error."""
        return self._log.read_text(encoding="utf-8")

    def discard(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.input.close()

    def _read(self, output: IO[bytes]) -> None:
        for line in output:
            self._lines.put(line)
            if self._stopped.is_set():
                return
        self._lines.put(b"")
