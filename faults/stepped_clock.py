"""A PostgreSQL whose clock can be stepped, by libfaketime; the machine's own clock stays as it is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from recollect.db.embedded.account import choose_account, is_root
from recollect.db.embedded.binaries import find_binaries
from recollect.db.target import parse_url

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
MISSING = "libfaketime is missing (on Debian: apt-get install libfaketime)"


def library() -> Path | None:
    """Where libfaketime is on this machine."""
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    return found[0] if found else None


class Clock:
    """The time that programs with `environment` see. They look into a file, each time."""

    def __init__(self, file: Path, preload: Path) -> None:
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(preload),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }
        self.step(0)

    def step(self, seconds: int) -> None:
        """Set it so far from the true time, at once."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n", encoding="utf-8")
        fresh.chmod(0o644)
        fresh.rename(self._file)


@asynccontextmanager
async def stepped_server(folder: Path, clock: Clock) -> AsyncGenerator[str]:
    """The superuser's URL of a new server under that clock."""
    binaries, account = find_binaries([]), _account(folder)
    data = folder / "data"
    options: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL, **account}
    made = [str(binaries.initdb), "-D", str(data), "-U", "postgres", "-A", "trust", "--locale=C.UTF-8"]
    await asyncio.to_thread(subprocess.run, made, check=True, capture_output=True, **options)
    command = [str(binaries.postgres), "-D", str(data), "-c", "listen_addresses=", "-k", str(folder)]
    process = _spawn(command, folder / "log", {**os.environ, **clock.environment}, options)
    try:
        url = f"postgresql://postgres@/postgres?host={quote(str(folder))}"
        deadline = time.monotonic() + 30
        while not await _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text(encoding="utf-8")[-2000:])
            await asyncio.sleep(0.05)
        yield url
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)


def _spawn(
    command: list[str], log: Path, env: dict[str, str], options: dict[str, Any]
) -> subprocess.Popen[Any]:
    with log.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=env, **options)


def _account(folder: Path) -> dict[str, Any]:
    """Who runs it in place of root."""
    if not is_root():
        return {}
    chosen = choose_account()
    os.chown(folder, chosen.uid, chosen.gid)
    return {"user": chosen.uid, "group": chosen.gid, "extra_groups": []}


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
