"""The official MCP conformance suite, on our application with the suite's fixtures and as shipped."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from recollect.db.embedded import stop
from tests.clients.environments import node_modules, with_node
from tests.clients.serving import free_port, own_settings, serving

pytestmark = pytest.mark.conformance

REVISIONS = ("2025-11-25", "2026-07-28")
SECONDS = 300


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, str]]:
    """Settings of a Recollect with a database of its own."""
    chosen = own_settings(tmp_path_factory.mktemp("conformance"))
    yield chosen
    stop(Path(chosen["RECOLLECT_HOME"]))


ATTEMPTS = 2
"""Some of its checks give a server half a second for a call, which may pass while a machine is busy."""


def suite(address: str, folder: Path, *arguments: str) -> str:
    """Run the suite against a server; what it printed. Fails if the suite does, each time."""
    binary = node_modules() / "node_modules" / ".bin" / "conformance"
    # The scenario about DNS rebinding asks by this name.
    url = f"{address.replace('127.0.0.1', 'localhost')}/mcp"
    command = [str(binary), "server", "--url", url, "-o", str(folder), *arguments]
    said = ""
    for _ in range(ATTEMPTS):
        done = subprocess.run(command, env=with_node(), capture_output=True, text=True, timeout=SECONDS)
        _, _, summary = done.stdout.partition("=== SUMMARY ===")
        if done.returncode == 0:
            return summary
        said = summary or f"{done.stdout}\n{done.stderr}"
    pytest.fail(said)


@pytest.mark.parametrize("revision", REVISIONS)
def test_with_the_fixtures_everything_that_the_revision_requires_passes(
    revision: str, variables: dict[str, str], tmp_path: Path
):
    with serving(free_port(), variables, tmp_path / "log", "-m", "tests.conformance.server") as address:
        assert "✓ tools-call-with-progress:" in suite(address, tmp_path, "--requirements", revision)


@pytest.mark.parametrize("revision", REVISIONS)
def test_as_shipped_only_what_needs_the_fixtures_fails(
    revision: str, variables: dict[str, str], tmp_path: Path
):
    """The baseline lists it; an entry that passes after all fails the suite too."""
    baseline = Path(__file__).parent / f"shipped-{revision}.yml"
    with serving(free_port(), variables, tmp_path / "log", "-m", "recollect", "serve") as address:
        chosen = ("--suite", "all", "--spec-version", revision, "--expected-failures", str(baseline))
        assert "✓ tools-list:" in suite(address, tmp_path, *chosen)
