"""Files that were made to be slow or to fill the memory: reading them is as much work as they are long, and
what is told of them is not kept until their end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recollect.history.importing import read
from recollect.history.importing.piece import GROUP_MESSAGES, groups
from recollect.history.importing.place import place
from recollect.models.imported import ImportedConversation, Problem
from recollect.settings import Settings
from tests.importing.chatgpt_files import conversation
from tests.work import grows_evenly

SETTINGS = Settings.model_validate({})


def claude(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"uuid": "a", "chat_messages": list(messages)}


def results_without_ids(count: int) -> dict[str, Any]:
    calls: list[dict[str, Any]] = [
        {"type": "tool_use", "id": f"c{n}", "name": f"t{n}", "input": {}} for n in range(count)
    ]
    results = [{"type": "tool_result", "name": f"t{n}", "content": "x"} for n in reversed(range(count))]
    return claude({"uuid": "m", "sender": "assistant", "content": [*calls, *results]})


def files_named_twice(count: int) -> dict[str, Any]:
    files = [{"file_name": f"f{n}"} for n in range(count)]
    return claude({"uuid": "m", "sender": "human", "text": "x", "files": files, "files_v2": files[::-1]})


def messages_of_one_id(count: int) -> dict[str, Any]:
    return claude(*({"uuid": "m", "sender": "human", "text": str(n)} for n in range(count)))


def node(parent: str | None, *parts: Any) -> dict[str, Any]:
    content = {"content_type": "multimodal_text", "parts": parts}
    return {"parent": parent, "message": {"author": {"role": "user"}, "content": content}}


def behind_empty_nodes(count: int, *parts: Any) -> dict[str, Any]:
    """Messages that hang on a chain of nodes without words, or with `parts`."""
    mapping = {f"e{n}": node(f"e{n - 1}" if n else None, *parts) for n in range(count)}
    return {"id": "a", "mapping": mapping | {f"m{n}": node(f"e{n}", "x") for n in range(count)}}


def behind_messages_that_cannot_be_stored(count: int) -> dict[str, Any]:
    nothing = {"content_type": "image_asset_pointer", "asset_pointer": "x", "size": float("nan")}
    return behind_empty_nodes(count, nothing)


@pytest.mark.parametrize(
    "made",
    [
        results_without_ids,
        files_named_twice,
        messages_of_one_id,
        behind_empty_nodes,
    ],
)
def test_a_conversation_is_as_much_work_as_it_is_long(
    made: Callable[[int], dict[str, Any]], tmp_path: Path
) -> None:
    def run(count: int) -> Callable[[], object]:
        file = tmp_path / f"{count}.json"
        file.write_text(json.dumps([made(count)]))
        return lambda: list(groups(read([file]), SETTINGS))

    assert grows_evenly(run, 100)


def test_placing_messages_is_as_much_work_as_there_are(tmp_path: Path) -> None:
    def run(count: int) -> Callable[[], object]:
        file = tmp_path / f"{count}.json"
        file.write_text(json.dumps([behind_messages_that_cannot_be_stored(count)]))
        pieces = [piece for group in groups(read([file]), SETTINGS) for piece in group.pieces]
        return lambda: list(map(place, pieces))

    assert grows_evenly(run, 100)


@pytest.mark.parametrize("tag", ["<pre>", "<pre ", "<li", "<", "<br ", "<br><li "])
def test_tags_that_do_not_end_are_looked_through_once(tag: str, tmp_path: Path) -> None:
    """With the square of their number this takes hours."""
    entry = {"products": ["Gemini Apps"], "time": "2025-03-04T05:06:07Z", "title": "Prompted x"}
    file = tmp_path / "MyActivity.json"
    file.write_text(json.dumps([entry | {"safeHtmlItem": [{"html": "An answer. " + tag * 300_000}]}]))
    (found,) = read([file])
    assert isinstance(found, ImportedConversation)
    (_, answer) = found.messages
    assert str(answer.message.content).startswith("An answer.")


FIRST = json.dumps(conversation("first", ["1"]))
LINE = '{"type":"user","sessionId":"s","uuid":"1","message":{"role":"user","content":"x"}}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.json", f"[{FIRST}{',1' * 150_000}]", id="no objects"),
        pytest.param("a.json", f"[{FIRST}{',{}' * 150_000}]", id="no conversations"),
        pytest.param("a.jsonl", f"{LINE}\n{LINE}\n" + "x\n" * 150_000, id="no JSON"),
    ],
)
def test_a_file_of_what_is_no_conversation_is_not_read_to_its_end_nor_kept_in_memory(
    name: str, text: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(text)
    told = [group.told for group in groups(read([file]), SETTINGS)]
    assert max(map(len, told)) <= GROUP_MESSAGES
    problems = [problem for some in told for problem in some]
    assert 100_000 < len(problems) < 100_010
    assert isinstance(problems[-1], Problem)
    assert problems[-1].problem == (
        "is not read further: too much of it is broken; mend it and import it again, nothing will come twice"
    )
