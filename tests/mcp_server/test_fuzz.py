"""Whatever message comes, over HTTP or stdio: an answer in time that gives nothing away, and the next
message is served.

A run of CI is bounded; RECOLLECT_TEST_FUZZ_SECONDS makes it longer. What a run did is made again with
the seed that it shows, in RECOLLECT_TEST_FUZZ_SEED.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_server.fuzz import Case, Cases
from tests.mcp_server.http_process import HEADERS, HttpProcess, request, tool_call
from tests.mcp_server.processes import StdioProcess

SECONDS = float(os.environ.get("RECOLLECT_TEST_FUZZ_SECONDS", "10"))
SEED = int(os.environ.get("RECOLLECT_TEST_FUZZ_SEED") or secrets.randbits(32))

LIMIT = 20.0
"""Seconds that one answer may take on a busy machine."""

LEAST = 50
"""Cases that any run has to get through, or it shows nothing."""

INTERNAL_ERROR = -32603

Start = Callable[..., StdioProcess]


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Generator[HttpProcess]:
    server = HttpProcess({"RECOLLECT_DATABASE_URL": database_url}, tmp_path / "log")
    yield server
    server.stop()


def cases(tools: list[dict[str, Any]]) -> Generator[Case]:
    """Cases for as long as a run may take."""
    print(f"seed {SEED}")
    end = time.monotonic() + SECONDS
    for case in Cases(SEED, tools):
        if time.monotonic() > end:
            return
        yield case


def gives_nothing_away(case: Case, text: str) -> None:
    """No text of an answer shows where or why the code failed."""
    for trace in ("Traceback", 'File "', "site-packages", "failed inside", "postgresql://", "asyncpg"):
        assert trace not in text, (case, text[:2_000])


def test_over_http_every_message_has_an_answer(server: HttpProcess) -> None:
    tools = server.send(request("tools/list")).json["result"]["tools"]
    statuses: Counter[int] = Counter()
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)) as connection:
        for case in cases(tools):
            connection.request("POST", "/mcp", case.body, HEADERS | case.headers)
            with connection.getresponse() as answer:
                statuses[answer.status] += 1
                if answer.getheader("content-type", "").startswith("text/event-stream"):
                    connection.close()  # it has no end; the next request opens another one
                    continue
                body = answer.read()
            assert answer.status < 500, (case, body)
            gives_nothing_away(case, body.decode())
            if body and answer.getheader("content-type") == "application/json":
                said = json.loads(body)
                assert said.get("error", {}).get("code") != INTERNAL_ERROR, (case, said)
    print(f"{statuses.total()} messages over HTTP: {dict(statuses)}")
    assert statuses.total() > LEAST
    assert {200, 400} <= set(statuses)
    assert "result" in server.send(tool_call("list_conversations")).json
    no_defect_in(server.log())


def test_over_stdio_every_line_has_an_answer_and_the_next_one_is_served(start: Start) -> None:
    server = start()
    server.initialize()
    kinds: Counter[str] = Counter()
    numbers = count()
    for case in cases(server.ask("tools/list")["result"]["tools"]):
        ping = f"ping-{next(numbers)}"
        server.send(b" ".join(case.body.splitlines()))
        server.send(json.dumps({"jsonrpc": "2.0", "id": ping, "method": "ping"}).encode())
        # Requests are served at the same time: the answer to the ping may be the first one.
        while (said := server.receive()).get("id") != ping:
            gives_nothing_away(case, json.dumps(said))
            assert said.get("error", {}).get("code") != INTERNAL_ERROR, (case, said)
            kinds["error" if "error" in said else "result" if "result" in said else "notification"] += 1
        assert said["result"] == {}
        kinds["ping"] += 1
    print(f"{kinds['ping']} messages over stdio: {dict(kinds)}")
    assert kinds["ping"] > LEAST
    assert kinds["result"]
    assert kinds["error"]
    no_defect_in(server.log())


def no_defect_in(log: str) -> None:
    """Neither our own boundaries nor anybody else's logged an exception."""
    assert "Traceback" not in log, log[-5_000:]
    assert " ERROR " not in log, log[-5_000:]
