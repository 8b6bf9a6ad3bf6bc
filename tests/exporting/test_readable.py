"""Exports for people and for other programs: Markdown, HTML, a zip, providers' shapes."""

from __future__ import annotations

import io
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import cast

import pytest

from recollect.history.exporting import ExportFormat
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument, NotFound
from recollect.models.message import NewMessage
from tests.exporting.conftest import exported, taken_in

HOSTILE = [
    "<script>alert(1)</script>",
    "</div></section></article><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<!-- --><style>@import 'https://evil.example/x.css'</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "\x00<\ud800script>",
]


class Tags(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


async def hostile_conversation(history: History) -> str:
    id = (await history.create(id=HOSTILE[0], title=HOSTILE[1], instructions=HOSTILE[2])).id
    for words in HOSTILE:
        parts = [
            {"type": "text", "text": words},
            {"type": "reasoning", "text": words},
            {"type": "tool_call", "id": words, "name": words, "arguments": words},
            {"type": "file", "name": words, "url": words},
            {"type": "image", "data": words, "media_type": "image/png"},
            {"type": "image", "data": "PHN2Zz4=", "media_type": "image/svg+xml"},
            {"type": "image", "url": "https://evil.example/pixel.png"},
        ]
        await history.append(id, NewMessage("assistant", parts, author=words if words[0] == "<" else None))
        results = [{"type": "tool_result", "call_id": words, "content": words}]
        await history.append(id, NewMessage("tool", results))
        await history.append(id, NewMessage("user", words))
    await history.save_summary(id, 1, HOSTILE[0])
    return id


async def test_a_page_holds_no_scripts_and_nothing_from_elsewhere(history: History) -> None:
    await hostile_conversation(history)
    page = await exported(history, "html")
    found = Tags()
    found.feed(page)
    assert found.tags == {
        *("html", "head", "meta", "title", "style", "body", "main", "article", "section"),
        *("h2", "h3", "p", "div", "details", "summary", "pre"),
    }
    assert {name for name, _ in found.attributes} <= {
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "dir",
    }
    assert "default-src 'none'" in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 5
    page.encode()


async def test_a_page_shows_images_whose_bytes_it_has(history: History) -> None:
    id = (await history.create()).id
    picture = {"type": "image", "data": "iVBORw0KGgo=", "media_type": "image/png"}
    await history.append(id, NewMessage("user", [picture]))
    assert '<img alt="image" src="data:image/png;base64,iVBORw0KGgo=">' in await exported(history, "html")


async def test_markdown_is_readable_and_an_open_code_block_swallows_nothing(history: History) -> None:
    id = (await history.create(title="Code")).id
    await history.append(id, NewMessage("user", "See:\n```python\nprint(1)"))
    call = {"type": "tool_call", "id": "1", "name": "run", "arguments": {"code": "```"}}
    await history.append(id, NewMessage("assistant", [call]))
    text = await exported(history, "markdown", id)
    assert text.startswith(f"# Code\n\n`{id}`: 2 messages, ")
    assert "See:\n```python\nprint(1)\n```\n\n## #2 assistant" in text
    assert '````\n{\n  "code": "```"\n}\n````' in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("```print(1)``` is code", "```print(1)``` is code"),
        ("```\n```js\nstill open", "```\n```js\nstill open\n```"),
        ("~~~\n<b>\n~~~ \n<!-- open", "~~~\n<b>\n~~~ \n\\<!-- open"),
        ("a <b>\n<script>\n   </details>", "a <b>\n\\<script>\n   \\</details>"),
        ("<https://example.org> 1 < 2\n< 3", "<https://example.org> 1 < 2\n< 3"),
        ("a\r```\rb", "a\r```\rb\n```"),
        ("a\r<!-- open", "a\r\\<!-- open"),
        ("hi\n\n## #2 system · 2026-11-26", "hi\n\n\\## #2 system · 2026-11-26"),
        ("hi\r   # \t#2 system", "hi\r   \\# \t#2 system"),
        ("## Summary up to #9", "\\## Summary up to #9"),
        ("#2 system\r\n---", "#2 system\r\n\\---"),
        (
            "# Plan\n## 2 steps\n```\n## #1\n```\n#2 of 3\n- a",
            "# Plan\n## 2 steps\n```\n## #1\n```\n#2 of 3\n- a",
        ),
    ],
)
async def test_no_markdown_of_a_message_swallows_the_next(alice: History, said: str, shown: str) -> None:
    id = (await alice.create(title="<i> `x`")).id
    file = {"type": "file", "name": "a.txt", "text": "Inside"}
    await alice.append(id, [NewMessage("user", said, author="<b>"), NewMessage("user", [file])])
    text = await exported(alice, "markdown", id)
    assert text.startswith("# \\<i> \\`x\\`\n\n")
    assert "## #1 user (\\<b>) · " in text
    assert f"\n\n{shown}\n\n## #2 user" in text
    assert "*(file a.txt)*\n\n```\nInside\n```" in text
    assert "<summary>file a.txt</summary><pre>Inside</pre>" in await exported(alice, "html", id)


async def test_branches_are_marked(history: History) -> None:
    id = (await history.create()).id
    await history.append(id, [NewMessage("user", "q"), NewMessage("assistant", "first")])
    await history.append(id, NewMessage("assistant", "second"), after_seq=1)
    text = await exported(history, "markdown", id)
    assert re.search(r"## #2 assistant · .* · another branch\n\nfirst", text)
    assert re.search(r"## #3 assistant · .* · follows #1\n\nsecond", text)
    (line,) = (await exported(history, "openai")).splitlines()
    assert [message["content"] for message in json.loads(line)["messages"]] == ["q", "second"]


@pytest.mark.parametrize("format", ["openai", "anthropic"])
async def test_other_programs_get_calls_with_their_results(history: History, format: str) -> None:
    id = (await history.create(title="T", instructions="Be kind.")).id
    await history.append(id, NewMessage("user", "q"))
    await history.append(
        id, NewMessage("assistant", [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {}}])
    )
    (line,) = (await exported(history, "openai" if format == "openai" else "anthropic")).splitlines()
    whole = json.loads(line)
    assert whole["id"] == id
    assert "Be kind." in line
    assert "No result was recorded" in json.dumps(whole["messages"][-1])
    assert whole["lost"] == ["#2: call c1 has no recorded result; a note stands for it"]


async def test_an_openai_export_comes_back_as_conversations(
    store: Recollect, history: History, tmp_path: Path
) -> None:
    id = (await history.create(title="T")).id
    await history.append(id, [NewMessage("user", "q"), NewMessage("assistant", "a")])
    (tmp_path / "a.jsonl").write_text(await exported(history, "openai"))
    bob = store.for_user("bob")
    await taken_in(bob, tmp_path / "a.jsonl")
    (found,) = (await bob.list()).conversations
    assert (found.title, found.message_count) == ("T", 2)


async def test_the_trash_is_in_what_is_exact_and_in_nothing_that_is_read(history: History) -> None:
    id = (await history.create(title="Gone")).id
    await history.append(id, NewMessage("user", "secret"))
    await history.delete(id)
    await history.create(title="Here")
    assert "secret" in await exported(history, "jsonl")
    for format in ("markdown", "html", "openai", "anthropic"):
        assert "secret" not in await exported(history, format)
    assert "secret" in await exported(history, "markdown", id)


async def test_a_zip_holds_everything_and_comes_back(
    store: Recollect, history: History, tmp_path: Path
) -> None:
    await hostile_conversation(history)
    await history.create(title="../../etc/passwd")
    whole = b"".join([piece async for piece in history.export_zip()])
    assert b"".join([piece async for piece in history.export_zip()]) == whole
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.read("recollect.jsonl").decode() == await exported(history)
    assert names[:3] == ["README.txt", "recollect.jsonl", "conversations.html"]
    assert len(names) == 5
    assert all(re.fullmatch(r"conversations/\d{5}-[\w.-]+\.md", name) for name in names[3:])
    assert not any(".." in name for name in names)
    (tmp_path / "a.zip").write_bytes(whole)
    bob = store.for_user("bob")
    await taken_in(bob, tmp_path / "a.zip")
    assert await exported(bob) == await exported(history)


async def test_an_export_shows_one_moment(history: History) -> None:
    for number in range(3):
        await history.create(id=f"c{number}")
        await history.append(f"c{number}", [NewMessage("user", f"{n}") for n in range(300)])
    before = await exported(history)
    pieces: list[str] = []
    async for piece in history.export():
        if not pieces:
            await history.append("c2", NewMessage("user", "too late"))
            await history.purge("c1")
            await history.create(id="c3")
        pieces.append(piece)
    assert "".join(pieces) == before


async def test_nothing_of_another_user_is_exported(store: Recollect, history: History) -> None:
    bob = store.for_user("bob")
    await bob.create(id="theirs", title="Bob's")
    assert json.loads((await exported(history)).splitlines()[-1])["end"]["conversations"] == 0
    with pytest.raises(NotFound):
        await exported(history, "jsonl", "theirs")
    with pytest.raises(InvalidArgument):
        await exported(history, cast("ExportFormat", "pdf"))


async def test_large_messages_are_read_a_few_at_a_time(history: History) -> None:
    id = (await history.create()).id
    for number in range(6):
        await history.append(id, NewMessage("user", str(number) * 3_000_000))
    lines = (await exported(history)).splitlines()
    assert [len(json.loads(line)["message"]["content"]) for line in lines[2:-1]] == [3_000_000] * 6
