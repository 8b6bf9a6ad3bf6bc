"""The server under test, as its users start it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

SECONDS = 90
"""Longest wait for the server, which first makes its database."""


@pytest.fixture(scope="session")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a Recollect with a database of its own, and of no other."""
    folder = tmp_path_factory.mktemp("clients")
    return {"RECOLLECT_HOME": str(folder / "home"), "RECOLLECT_CONFIG": str(folder / "config.toml")}


@pytest.fixture(scope="session")
def stdio(variables: dict[str, str]) -> dict[str, Any]:
    """How a client starts the stdio server: command, args and env, as in its configuration."""
    return {"command": sys.executable, "args": ["-m", "recollect"], "env": variables}


@pytest.fixture(scope="session")
def http(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running `recollect serve`, without a path."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOLLECT_")} | variables
    log = tmp_path_factory.mktemp("serve") / "stderr"
    with log.open("wb") as stderr:
        command = [sys.executable, "-m", "recollect", "serve", "--port", str(port)]
        server = subprocess.Popen(command, env=env, stdout=stderr, stderr=stderr)
    try:
        wait_until_answering(server, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=SECONDS)


def wait_until_answering(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Return when the server answers HTTP, whatever it answers."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urlopen(f"{address}/healthz", timeout=5).close()
        except URLError as error:
            if hasattr(error, "code"):
                return
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"recollect serve does not answer (exit code {server.poll()}): {log.read_text()}")
