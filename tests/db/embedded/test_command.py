"""`recollect db`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recollect.cli.db import app
from recollect.db.embedded import EmbeddedPostgres

Query = Callable[[str, str], Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, home: Path) -> Callable[..., str]:
    """Run `recollect db …` on the test's home; returns what it prints."""
    monkeypatch.setenv("RECOLLECT_HOME", str(home))
    monkeypatch.setenv("RECOLLECT_CONFIG", "/dev/null")

    def command(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return command


def test_url_starts_it_and_stop_stops_it(run: Callable[..., str], query: Query) -> None:
    assert "stopped" in run("status")
    assert query(run("url").strip(), "SELECT 1") == 1
    assert "running" in run("status")
    assert run("stop") == "Stopped.\n"
    assert run("stop") == "It was not running.\n"


def test_status_is_json_for_programs(run: Callable[..., str], home: Path) -> None:
    url = EmbeddedPostgres(home, grace_seconds=5).ensure()
    found = json.loads(run("status", "--json"))
    assert (found["running"], found["clients"], found["url"]) == (True, True, url)
    assert found["data"] == run("path").strip()


def test_status_says_when_another_database_is_used(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_DATABASE_URL", "postgresql://user:secret@host/name")
    assert "RECOLLECT_DATABASE_URL" in run("status")
    assert "secret" not in run("status")
