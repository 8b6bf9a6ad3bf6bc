"""What Prometheus reads: numbers by route, tool and outcome, and nothing of anybody."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest
from mcp import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.mcp_server.http_process import HttpProcess
from tests.serving.conftest import Start, rest, says
from tests.serving.test_workers import eventually, workers_of

CONVERSATION = "/api/{user_id}/conversations/{conversation_id}"


def read(server: HttpProcess) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = server.ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def value(found: dict[Any, float], name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0)


def connections(server: HttpProcess) -> tuple[bool, float]:
    """Whether there are free ones, and how many are busy: now and then one tells others of changes."""
    found = read(server)
    free, busy = (value(found, "recollect_pool_connections", state=state) for state in ("free", "busy"))
    return free >= 1, busy


async def test_requests_tools_appends_and_conflicts_are_counted(serve: Start) -> None:
    server = serve(RECOLLECT_USER_ID="alice-secret")
    rest(server, "POST", "/alice-secret/conversations", {"id": "talk-secret", "title": "title-secret"})
    messages = "/me/conversations/talk-secret/messages"
    for _ in range(2):
        rest(server, "POST", messages, says("said-secret"), Idempotency_Key="key-secret")
    rest(server, "POST", messages, says("a", on_conflict="branch"), If_Match='"0"')
    rest(server, "POST", messages, says("a"), If_Match='"0"')
    rest(server, "GET", "/me/conversations?title=title-secret")
    async with Client(f"{server.address}/mcp") as client:
        await client.call_tool("load_context", {"conversation_id": "talk-secret"})
        await client.call_tool("load_context", {"conversation_id": "missing-secret"})
        await client.call_tool("tool_secret", {})
    found = read(server)
    labels = {"method": "POST", "route": f"{CONVERSATION}/messages"}
    requests = "recollect_http_request_seconds_count"
    assert value(found, requests, status="201", **labels) == 2
    assert value(found, requests, status="200", **labels) == 1
    assert value(found, requests, status="412", **labels) == 1
    for outcome in ("appended", "replayed", "branched", "moved"):
        assert value(found, "recollect_appends_total", outcome=outcome) == 1, outcome
    assert value(found, "recollect_messages_total") == 2
    assert value(found, "recollect_conflicts_total") == 2
    for tool, outcome in (("load_context", "ok"), ("load_context", "error"), ("unknown", "error")):
        assert value(found, "recollect_tool_seconds_count", tool=tool, outcome=outcome) == 1, tool
    assert value(found, "recollect_pool_size") == 10
    eventually(lambda: connections(server) == (True, 0))
    assert b"secret" not in server.ask("GET", "/metrics").body


def test_metrics_can_be_switched_off(serve: Start) -> None:
    assert serve(RECOLLECT_METRICS="false").ask("GET", "/metrics").status == 404


def test_whichever_worker_is_asked_tells_the_numbers_of_all(serve: Start) -> None:
    server = serve(RECOLLECT_WORKERS="3")
    rest(server, "POST", "/me/conversations", {"id": "talk"})
    path = "/me/conversations/talk/messages"
    for number in range(30):  # each on a connection of its own, so to whichever worker takes it
        assert rest(server, "POST", path, says("x"), Idempotency_Key=str(number)).status == 201
    requests = ("recollect_http_request_seconds_count", "POST", f"{CONVERSATION}/messages")
    for _ in range(10):
        found = read(server)
        assert {dict(labels).get("worker") for _, labels in found} == {"0", "1", "2", None}
        assert value(found, "recollect_workers", numbers="here") == 3
        assert value(found, "recollect_workers", numbers="missing") == 0
        counted = [
            number
            for (name, labels), number in found.items()
            if (name, dict(labels).get("method"), dict(labels).get("route")) == requests
        ]
        assert sum(counted) == 30
        appended = "recollect_appends_total"
        outcomes = [value(found, appended, outcome="appended", worker=worker) for worker in "012"]
        assert sum(outcomes) == 30


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_worker_that_does_not_answer_is_missed_and_keeps_nobody_waiting(serve: Start) -> None:
    server = serve(RECOLLECT_WORKERS="2")
    assert value(read(server), "recollect_workers", numbers="here") == 2
    halted = max(workers_of(server))
    os.kill(halted, signal.SIGSTOP)
    try:
        # A process with several threads is halted a moment later.
        eventually(lambda: value(read(server), "recollect_workers", numbers="missing") == 1)
        assert value(read(server), "recollect_workers", numbers="here") == 1
    finally:
        os.kill(halted, signal.SIGCONT)
    assert value(read(server), "recollect_workers", numbers="here") == 2
