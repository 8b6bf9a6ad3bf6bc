"""What docs/rest.md shows, as it stands there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.serving.conftest import Start

DOCS = Path(__file__).parents[2] / "docs" / "rest.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_turn_in_the_documentation_works(serve: Start) -> None:
    server = serve()
    found = re.search(r"```sh\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found is not None
    script = found[1].replace("http://127.0.0.1:8765", server.address)
    run = partial(subprocess.run, ["bash", "-euc", script], capture_output=True, text=True, timeout=60)
    run(check=True)
    done = run(check=True)  # now every key is known, and nothing changes
    answers = re.findall(r"\{.*?\}(?=\{\"conv|$|\n)", done.stdout)
    last = json.loads(answers[-1])
    said = [message["content"] for message in last["context"]["messages"]]
    assert said == ["Is it raining in Porto?", "No, it is sunny.", "And tomorrow?"]
    assert last["appended"]["replayed"] is True
