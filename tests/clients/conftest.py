"""The server under test, as its users start it."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from recollect.db.embedded import stop
from tests.clients.serving import free_port, own_settings, serving


@pytest.fixture(scope="session")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, str]]:
    """Settings of a Recollect with a database of its own."""
    chosen = own_settings(tmp_path_factory.mktemp("clients"))
    yield chosen
    stop(Path(chosen["RECOLLECT_HOME"]))


@pytest.fixture(scope="session")
def stdio(variables: dict[str, str]) -> dict[str, Any]:
    """How a client starts the stdio server: command, args and env, as in its configuration."""
    return {"command": sys.executable, "args": ["-m", "recollect"], "env": variables}


@pytest.fixture(scope="session")
def http(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a running `recollect serve`, without a path."""
    log = tmp_path_factory.mktemp("serve") / "log"
    with serving(free_port(), variables, log, "-m", "recollect", "serve") as address:
        yield address
