"""Exports whose fields hold something else than they should: each costs its piece, and the rest goes on."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from recollect.history.history import History
from recollect.history.importing import read_opened
from recollect.history.importing.piece import groups
from recollect.models.imported import ConversationReport
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.importing.conftest import FIXTURES, Import, outcomes

OTHERS: list[Any] = [[], 7]
"""What has no hash, and what has no length."""

MOST_PLACES = 250
"""Of a file; beyond, every second place is tried, or every third …"""

FILES = [file for file in sorted(FIXTURES.rglob("*.json*")) if file.is_file()]

LINES = [
    {"recollect_export": 1},
    {
        "conversation": {
            "id": "talk",
            "metadata": {"a": 1},
            "created_at": "2026-11-26T19:00:00+00:00",
            "updated_at": "2026-11-26T19:00:00+00:00",
            "last_seq": 1,
            "head_seq": 1,
            "message_count": 1,
        }
    },
    {
        "message": {
            "seq": 1,
            "role": "user",
            "author": "Maria",
            "content": [{"type": "text", "text": "hello"}],
            "metadata": {"a": 1},
            "token_count": 1,
            "occurred_at": "2026-11-26T19:00:00+00:00",
            "created_at": "2026-11-26T19:00:00+00:00",
            "key": "a",
            "fingerprint": "00",
        }
    },
    {
        "summary": {
            "upto_seq": 1,
            "content": "s",
            "token_count": 1,
            "created_at": "2026-11-26T19:00:00+00:00",
        }
    },
    {"end": {"conversations": 1, "messages": 1, "summaries": 1}},
]


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value within a value stands."""
    within: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        within = list(cast("dict[str, Any]", value).items())
    elif isinstance(value, list):
        within = list(enumerate(cast("list[Any]", value)))
    for name, inner in within:
        yield (*before, name)
        yield from places(inner, (*before, name))


def changed(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    """The same with something else in one place."""
    whole = copy.deepcopy(value)
    inner = whole
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = other
    return whole


def taken_apart(lines: list[Any], name: str) -> None:
    """Everything that an import does before it writes."""
    body = "\n".join(map(json.dumps, lines)).encode()
    for _ in groups(read_opened(io.BytesIO(body), name), Settings()):
        pass


@pytest.mark.parametrize("file", [*FILES, None], ids=lambda file: "own" if file is None else file.name)
def test_whatever_a_field_holds_is_no_defect(file: Path | None) -> None:
    if file is None:
        lines, name = LINES, "own.jsonl"
    else:
        text, name = file.read_text(encoding="utf-8"), file.name
        lines = (
            [json.loads(line) for line in text.splitlines()]
            if file.suffix == ".jsonl"
            else [json.loads(text)]
        )
    found = list(places(lines))
    assert found
    for place in found[:: 1 + len(found) // MOST_PLACES]:
        for other in OTHERS:
            taken_apart(changed(lines, place, other), name)


@pytest.mark.parametrize(
    ("field", "other"), [("author", 7), ("author", []), ("metadata", 7), ("metadata", [])]
)
async def test_a_message_of_our_own_export_with_another_type_costs_itself_alone(
    field: str, other: Any, importing: Import, tmp_path: Path
) -> None:
    second = changed(LINES[2], ("message", "seq"), 2)["message"] | {"key": "b", field: other}
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, [*LINES[:3], {"message": second}, *LINES[3:]])))
    reports = await importing(file)
    assert outcomes(reports) == ["created"]
    (report,) = [report for report in reports if isinstance(report, ConversationReport)]
    assert report.messages == 1
    assert f"{field}: must be" in " ".join(report.notes.problems)


async def test_a_conversation_with_the_highest_numbers_can_still_grow(
    importing: Import, history: History, tmp_path: Path
) -> None:
    file = tmp_path / "own.jsonl"
    highest = changed(LINES[2], ("message", "seq"), 2**31 - 1)
    header = changed(LINES[1], ("conversation", "last_seq"), 2**31 - 1)
    file.write_text("\n".join(map(json.dumps, [LINES[0], header, LINES[2], highest, *LINES[3:]])))
    await importing(file)
    assert (await history.append("talk", NewMessage("user", "more"))).first_seq == 2
