"""A home of its own for each test, and what the tests ask of a server."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from recollect.db.embedded import EmbeddedPostgres, stop
from tests.folders import place


@pytest.fixture
def room() -> Generator[Path]:
    """A new folder with a short path, which every account may traverse. Servers in it are stopped."""
    folder = Path(tempfile.mkdtemp(prefix="rec-", dir=place()))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for base in folder.rglob("postgres"):
            if (base / "supervisor.lock").exists():
                stop(base.parent)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_home(room: Path) -> Path:
    """A home that does not exist yet."""
    return room / "home"


@pytest.fixture(scope="session")
def made_home() -> Generator[Path]:
    """A home with a cluster, stopped; only to be copied."""
    with tempfile.TemporaryDirectory(prefix="rec-", dir=place()) as folder:
        home = Path(folder) / "home"
        EmbeddedPostgres(home).ensure()
        stop(home)
        yield home


@pytest.fixture
def home(room: Path, made_home: Path) -> Path:
    """A home with a cluster of its own, stopped. Copying one is quicker than making one."""
    subprocess.run(["cp", "-a", made_home, room / "home"], check=True)
    return room / "home"


@pytest.fixture
def query() -> Callable[[str, str], Any]:
    """`query(url, sql)`: the first column of the first row, through the driver that Recollect uses."""

    async def ask(url: str, sql: str) -> Any:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return lambda url, sql: asyncio.run(ask(url, sql))


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """`eventually(condition)`: wait until it holds, at most ten seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10.0
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)

    return wait


@pytest.fixture
def as_root() -> None:
    """Only root can try this."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to act as several accounts")
