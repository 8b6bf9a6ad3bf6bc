"""What docs/security.md says is tested, is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from scripts.environment import ROOT

PAGE = ROOT / "docs" / "security.md"

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> Iterator[str]:
    """The lines of its tables that name something."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.endswith("| tests |"):
            yield line


def test_every_line_names_tests_or_those_above_it() -> None:
    found = list(rows())
    assert len(found) > 25
    assert [line for line in found if not NAMED.search(line)] == [
        line for line in found if line.endswith("| the same two |")
    ]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE.read_text(encoding="utf-8")))))
def test_the_test_exists(file: str, name: str) -> None:
    source = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(?:async )?def {name}\(", source, flags=re.MULTILINE), f"{file} has no {name}"
