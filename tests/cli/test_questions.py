"""A command that asks, with somebody at the terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recollect.history.history import History
from tests.db.servers import wait_until


@contextmanager
def asked(*arguments: str, **variables: str) -> Generator[subprocess.Popen[bytes]]:
    """`recollect` on a terminal of its own, once it has asked."""
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "recollect", *arguments]
    environment = os.environ | {"TERM": "dumb"} | variables
    running = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    try:
        shown = b""
        while not shown.endswith(b"[y/N] "):
            shown += os.read(ours, 1_000)
        yield running
    finally:
        running.kill()
        running.wait()
        os.close(ours)


def reads(running: subprocess.Popen[bytes]) -> bool:
    """Whether a process that has asked waits for the answer."""
    status = Path(f"/proc/{running.pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "S"


async def test_ctrl_c_at_a_question_ends_the_command_at_once(history: History, database_url: str) -> None:
    await history.create(id="kept")
    given = {"RECOLLECT_DATABASE_URL": database_url, "RECOLLECT_USER_ID": "alice"}
    with asked("erase", "kept", **given) as erasing:
        wait_until(lambda: reads(erasing))  # a moment earlier Python only takes note of it
        erasing.send_signal(signal.SIGINT)
        assert erasing.wait(timeout=20) == 130
    assert (await history.get("kept")).id == "kept"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
async def test_standard_streams_that_are_closed_are_as_if_nobody_were_there(
    history: History, database_url: str, closed: str
) -> None:
    await history.create(id="kept")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "recollect", *arguments],
            env=os.environ | {"RECOLLECT_DATABASE_URL": database_url, "RECOLLECT_USER_ID": "alice"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    refused = await asyncio.to_thread(run, "erase", "kept")
    assert (refused.returncode, refused.stderr.splitlines()[1:]) == (
        1,
        ["Nothing was done: there is nobody to ask. Give --yes to agree."],
    )
    assert (await history.get("kept")).id == "kept"
    listed = await asyncio.to_thread(run, "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    served = await asyncio.to_thread(run)
    assert (served.returncode, served.stderr) == (0, "")
