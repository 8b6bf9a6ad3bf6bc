"""The walk-through of a protected server in the documentation is what happens."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from scripts.environment import ROOT
from tests.clients.walkthrough import document

DOCUMENT = ROOT / "docs" / "walkthrough.md"
UPDATE = "RECOLLECT_TEST_UPDATE_SNAPSHOTS"


@pytest.mark.clients
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_walk_through_is_what_happens(tmp_path: Path, database_url: str) -> None:
    made = document(tmp_path, database_url)
    if os.environ.get(UPDATE):
        DOCUMENT.write_text(made, encoding="utf-8")
    assert made == DOCUMENT.read_text(encoding="utf-8"), f"changed on purpose? Set {UPDATE}=1 and rerun"
