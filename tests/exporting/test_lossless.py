"""Export, import into an empty history, export: the same bytes."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recollect.history.exporting import ExportFormat
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.imported import ConversationReport, Problem
from recollect.models.message import NewMessage
from tests.exporting.conftest import exported, taken_in

WORDS = st.text(st.characters(codec=None), max_size=30)  # NUL and lone surrogates among them
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
STORABLE_JSON = st.dictionaries(
    NAMES, NAMES | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)


def part(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    shape: dict[str, st.SearchStrategy[Any]] = {"type": st.just(kind), **fields}
    return st.fixed_dictionaries(shape)


PARTS = st.one_of(
    part("text", text=WORDS),
    part("text", text=WORDS, citations=JSON),
    part("tool_call", id=WORDS, name=WORDS, arguments=WORDS),
    part("tool_result", call_id=WORDS, content=WORDS),
    part("other", format=WORDS, value=st.dictionaries(WORDS, JSON, max_size=2)),
)
MESSAGES = st.builds(
    NewMessage,
    role=st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
    content=WORDS | st.lists(PARTS, min_size=1, max_size=3),
    author=st.none() | NAMES,
    metadata=st.none() | st.dictionaries(WORDS, JSON, max_size=2),
    token_count=st.none() | st.integers(0, 2**31 - 1),
    occurred_at=st.none() | st.datetimes(datetime.fromisoformat("1800-01-01"), timezones=st.just(UTC)),
)


@dataclass
class Made:
    """What one made conversation is like."""

    title: str | None
    instructions: str | None
    metadata: dict[str, Any]
    appends: list[tuple[list[NewMessage], int, bool]] = field(
        default_factory=list[tuple[list[NewMessage], int, bool]]
    )
    summary: str | None = None
    head: int | None = None
    state: str = ""


CONVERSATIONS = st.builds(
    Made,
    title=st.none() | NAMES,
    instructions=st.none() | NAMES,
    metadata=STORABLE_JSON,
    appends=st.lists(
        st.tuples(st.lists(MESSAGES, min_size=1, max_size=4), st.integers(0, 10), st.booleans()), max_size=5
    ),
    summary=st.none() | NAMES,
    head=st.none() | st.integers(1, 10),
    state=st.sampled_from(["", "pinned", "archived", "trash"]),
)


async def make(history: History, made: Made) -> None:
    id = (await history.create(title=made.title, instructions=made.instructions, metadata=made.metadata)).id
    last = 0
    for new, after, keyed in made.appends:
        key = uuid.uuid4().hex if keyed else None
        appended = await history.append(id, new, key=key, after_seq=after if after <= last else None)
        last = appended.last_seq
    if made.summary is not None and last:
        await history.save_summary(id, last, made.summary)
    if made.head is not None and made.head <= last:
        await history.switch_head(id, made.head)
    if made.state == "trash":
        await history.delete(id)
    elif made.state:
        await history.update(id, pinned=made.state == "pinned", archived=made.state == "archived")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=st.lists(CONVERSATIONS, max_size=3))
@pytest.mark.parametrize("format", ["jsonl", "json"])
async def test_what_was_exported_and_imported_is_exported_again_with_the_same_bytes(
    store: Recollect, tmp_path: Path, format: ExportFormat, made: list[Made]
) -> None:
    first, second = store.for_user(uuid.uuid4().hex), store.for_user(uuid.uuid4().hex)
    for one in made:
        await make(first, one)
    text = await exported(first, format)
    file = tmp_path / "export.json"
    file.write_text(text)
    reports = await taken_in(second, file)
    assert [report for report in reports if not isinstance(report, ConversationReport)] == []
    assert await exported(second, format) == text
    assert await exported(second) == await exported(first)
    again = await taken_in(second, file)
    assert {report.outcome for report in again if isinstance(report, ConversationReport)} <= {
        "unchanged",
        "trashed",
    }
    assert await exported(second, format) == text


async def test_keys_work_after_an_import(store: Recollect, history: History, tmp_path: Path) -> None:
    id = (await history.create()).id
    said = NewMessage("user", "once only")
    await history.append(id, said, key="k1")
    (tmp_path / "a.jsonl").write_text(await exported(history))
    bob = store.for_user("bob")
    await taken_in(bob, tmp_path / "a.jsonl")
    assert (await bob.append(id, said, key="k1")).replayed
    assert (await bob.append(id, NewMessage("assistant", "on it goes"))).first_seq == 2


async def test_a_long_conversation_with_branches_comes_back(
    store: Recollect, history: History, tmp_path: Path
) -> None:
    id = (await history.create(title="Long")).id
    for number in range(3):
        await history.append(
            id, [NewMessage("user", f"{number} {n}") for n in range(450)], after_seq=number * 100
        )
    await history.switch_head(id, 500)
    text = await exported(history)
    (tmp_path / "a.jsonl").write_text(text)
    bob = store.for_user("bob")
    await taken_in(bob, tmp_path / "a.jsonl")
    assert await exported(bob) == text
    window, same = await history.context(id), await bob.context(id)
    assert (window.text, window.receipt) == (same.text, same.receipt)


async def test_a_later_export_brings_the_conversation_to_its_state(
    store: Recollect, history: History, tmp_path: Path
) -> None:
    id = (await history.create(title="Before")).id
    await history.append(id, NewMessage("user", "1"))
    (tmp_path / "a.jsonl").write_text(await exported(history))
    bob = store.for_user("bob")
    await taken_in(bob, tmp_path / "a.jsonl")
    await history.append(id, NewMessage("assistant", "2"))
    await history.update(id, title="After")
    await history.save_summary(id, 2, "both")
    text = await exported(history)
    (tmp_path / "b.jsonl").write_text(text)
    await taken_in(bob, tmp_path / "b.jsonl")
    assert await exported(bob) == text
    await taken_in(bob, tmp_path / "a.jsonl")
    assert await exported(bob) == text
    await history.save_summary(id, 1, "the first")  # which no time of the conversation shows
    text = await exported(history)
    (tmp_path / "c.jsonl").write_text(text)
    await taken_in(bob, tmp_path / "c.jsonl")
    assert await exported(bob) == text


async def test_another_conversation_under_the_same_id_stays_untouched(
    store: Recollect, history: History, tmp_path: Path
) -> None:
    bob = store.for_user("bob")
    for one, said in ((history, "from Alice"), (bob, "from Bob")):
        await one.create(id="same")
        await one.append("same", [NewMessage("user", said), NewMessage("assistant", said)])
    (tmp_path / "a.jsonl").write_text(await exported(history))
    before = await exported(bob)
    (report,) = await taken_in(bob, tmp_path / "a.jsonl")
    assert isinstance(report, ConversationReport)
    assert (report.outcome, report.notes.problems) == (
        "failed",
        ["message 1 here is another one than that of the export"],
    )
    assert await exported(bob) == before


async def test_a_file_without_its_end_is_told(store: Recollect, history: History, tmp_path: Path) -> None:
    id = (await history.create()).id
    await history.append(id, [NewMessage("user", "1"), NewMessage("assistant", "2")])
    lines = (await exported(history)).splitlines()
    (tmp_path / "a.jsonl").write_text("\n".join(lines[:3]))
    bob = store.for_user("bob")
    reports = await taken_in(bob, tmp_path / "a.jsonl")
    (problem,) = [report for report in reports if isinstance(report, Problem)]
    assert "the file was cut off" in problem.problem
    assert (await bob.get(id)).last_seq == 1
    assert (await bob.get(id)).head_seq == 1


async def test_a_broken_line_in_the_middle_costs_its_message(
    store: Recollect, history: History, tmp_path: Path
) -> None:
    id = (await history.create()).id
    await history.append(id, [NewMessage("user", str(number)) for number in range(6)])
    lines = (await exported(history)).splitlines()
    lines[4] = lines[4][:20]
    for number, wrong in ((5, {"role": "nobody"}), (7, {"created_at": "9999-12-31T23:59:59.999999Z"})):
        lines[number] = json.dumps({"message": {**json.loads(lines[number])["message"], **wrong}})
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    bob = store.for_user("bob")
    reports = await taken_in(bob, tmp_path / "a.jsonl")
    assert any(isinstance(report, Problem) for report in reports)
    (report,) = [report for report in reports if isinstance(report, ConversationReport)]
    assert len(report.notes.problems) == 2
    (again,) = [
        one for one in await taken_in(bob, tmp_path / "a.jsonl") if isinstance(one, ConversationReport)
    ]
    assert (again.outcome, again.added) == ("unchanged", 0)
    assert (await bob.context(id)).omitted == 0
    assert [m.text for m in (await bob.list_messages(id)).messages] == ["0", "1", "4"]
