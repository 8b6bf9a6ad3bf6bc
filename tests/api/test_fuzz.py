"""schemathesis over the whole API with all its checks, against the real server on a socket.

A run of CI is bounded; RECOLLECT_TEST_FUZZ_SECONDS makes it longer.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from recollect.history.store import Recollect
from recollect.settings import Settings
from tests.api.conftest import Tokens, api_over, listening
from tests.api.surface import DOCUMENT

CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = int(os.environ.get("RECOLLECT_TEST_FUZZ_SECONDS", "30"))


@pytest.fixture(scope="module")
def address(shared_url: str) -> Generator[tuple[str, str]]:
    """The server on a thread of its own, and a token."""
    tokens = Tokens()
    settings = Settings.model_validate({"database_url": shared_url})
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Recollect.open(settings)) as store,
        portal.wrap_async_context_manager(api_over(store, tokens)) as app,
        portal.wrap_async_context_manager(listening(app)) as port,
    ):
        yield f"http://127.0.0.1:{port}", tokens.give("alice")


def as_me(document: dict[str, Any]) -> dict[str, Any]:
    """The document as the token's user reads it: anybody else's address is 404, which is soon known."""
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "user_id":
                    parameter["schema"] = {"enum": ["me"]}
    return document


def test_whatever_is_sent_the_answer_is_one_of_the_document(address: tuple[str, str], tmp_path: Path) -> None:
    url, token = address
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(as_me(copy.deepcopy(DOCUMENT))), encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            f"--config-file={CONFIG}",
            "run",
            str(document),
            f"--url={url}",
            f"--header=Authorization: Bearer {token}",
            f"--max-time={SECONDS}",
            f"--report-json-path={tmp_path / 'report.json'}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS + 120,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    cases = re.search(r"(\d[\d,]*) generated", done.stdout)
    assert cases is not None
    assert int(cases[1].replace(",", "")) > 100
