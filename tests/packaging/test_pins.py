"""constraints.txt, and the check that holds it to what is installed."""

from __future__ import annotations

import pytest

from scripts.constraints import parse, pins, problems
from scripts.environment import CONSTRAINTS


def test_every_line_is_one_plain_pin():
    lines = pins(CONSTRAINTS.read_text())
    assert len(lines) > 40
    assert [line for line in lines if parse(line) is None] == []


@pytest.mark.parametrize(
    "line",
    [
        "anyio",
        "anyio>=4",
        "anyio==4.*",
        "anyio==4.1,<5",
        "anyio @ https://example.org/anyio.whl",
        "-r other.txt",
    ],
)
def test_a_line_that_is_no_plain_pin_is_refused(line: str):
    assert problems([line], {}) == [f"not a plain pin (name==version): {line}"]


def test_installed_packages_that_are_missing_unpinned_or_other_are_named():
    assert problems(["a==1", "b==2", "c==3"], {"a": "1", "b": "2.1", "d": "4"}) == [
        "b: pinned 2, installed 2.1",
        "c: pinned 3, installed nowhere",
        "d: pinned nowhere, installed 4",
    ]


def test_a_pin_for_another_python_is_not_missed():
    assert problems(['a==1 ; python_version < "3.0"', 'b==2 ; python_version > "3.0"'], {"b": "2"}) == []
