"""What the pages show in Python runs as it stands there."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
from pathlib import Path

import pytest

from recollect.history.history import History

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [
    pytest.param(block, id=f"{page.name} {number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
    # That page's examples start servers in folders of the reader's; tests/db/embedded does that elsewhere.
    if page.name != "embedded-postgres.md"
]


@pytest.mark.parametrize("block", EXAMPLES)
async def test_an_example_runs_as_it_stands(
    block: str, shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = ROOT / "tests" / "importing" / "fixtures" / "chatgpt"
    shutil.make_archive(str(tmp_path / "export"), "zip", archive)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOLLECT_DATABASE_URL", shared_url)
    code = compile(block, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, {})
    if inspect.iscoroutine(running):
        await running


def test_every_verb_is_in_the_table_of_verbs() -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    rows = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    verbs = {name for name, _ in inspect.getmembers(History, inspect.isroutine) if not name.startswith("_")}
    assert verbs <= set(re.findall(r"`(\w+)`", rows))
