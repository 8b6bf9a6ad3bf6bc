"""One system in a process of its own, in its own environment, on a database of its own."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Self

from benchmarks.peers.peers import PROGRAMS, PeerSpec

LONGEST_LINE = 64 * 2**20


class Cannot(Exception):
    """The system has no such thing."""


class Failed(Exception):
    """The system failed at it; the text is what it said."""


class PeerProcess:
    """A running adapter. url: of its database, where it finds nothing; log: the file for its errors."""

    def __init__(self, spec: PeerSpec, python: Path, url: str, log: Path) -> None:
        self.spec = spec
        self.url = url
        self._python = python
        self._log = log

    async def __aenter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RECOLLECT_")}
        with self._log.open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                str(self._python),
                str(PROGRAMS / self.spec.program),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=LONGEST_LINE,
                env=kept | {"RECOLLECT_CONFIG": os.devnull},
                cwd=self._log.parent,  # some write into the folder that they are in
            )
        await self.ask("open", url=self.url)
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def ask(self, do: str, limit: float = 600, **arguments: Any) -> Any:
        """What it answers.

        Raises: Cannot, Failed (also when it takes longer than `limit` seconds, or ends).
        """
        if self._process.returncode is not None:
            raise Failed(f"it ended: {self._said()}")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), limit)
        except TimeoutError:
            self._process.kill()
            raise Failed(f"it took longer than {limit:.0f} seconds") from None
        if not line:
            await self._process.wait()
            raise Failed(f"it ended: {self._said()}")
        said = json.loads(line)
        if "cannot" in said:
            raise Cannot
        if "error" in said:
            raise Failed(said["error"])
        return said["answer"]

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-1000:]
