"""`recollect serve` as a real process: MCP, REST and what an operator looks at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_server.http_process import Answer, HttpProcess

Start = Callable[..., HttpProcess]


@pytest.fixture
def serve(database_url: str, tmp_path: Path) -> Generator[Start]:
    """Starts a server on the test's database; all are gone at the end."""
    started: list[HttpProcess] = []

    def serve(program: tuple[str, ...] = ("-m", "recollect"), **settings: str) -> HttpProcess:
        log = tmp_path / f"log-{len(started)}"
        environment = {"RECOLLECT_DATABASE_URL": database_url} | settings
        started.append(HttpProcess(environment, log, program=program))
        return started[-1]

    yield serve
    for server in started:
        server.stop()


def rest(server: HttpProcess, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """A request to the REST API."""
    sent = None if body is None else json.dumps(body).encode()
    return server.ask(method, f"/api{path}", sent, Content_Type="application/json", **headers)


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def logged(server: HttpProcess, text: str) -> bool:
    """Whether a line with `text` comes up in the log, which is written after the answer was sent."""
    limit = time.monotonic() + 10
    while text not in server.log():
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True
