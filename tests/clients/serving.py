"""Servers in processes of their own, for clients in processes of theirs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

SECONDS = 90
"""Longest wait for a server to begin or to end."""


def own_settings(folder: Path) -> dict[str, str]:
    """Settings of a Recollect with an embedded database of its own, and of no other."""
    return {"RECOLLECT_HOME": str(folder / "home"), "RECOLLECT_CONFIG": os.devnull}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(port: int, variables: dict[str, str], log: Path, *arguments: str) -> Generator[str]:
    """Run `python ARGUMENTS --port PORT` until the block ends; gives its address, without a path."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOLLECT_")} | variables
    with log.open("wb") as output:
        command = [sys.executable, *arguments, "--port", str(port)]
        server = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        _wait(server, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=SECONDS)


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Return when the server answers HTTP, whatever it answers."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urlopen(address, timeout=5).close()
        except HTTPError as refusal:
            refusal.close()
            return
        except URLError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server does not answer (exit code {server.poll()}): {log.read_text()}")
