"""Lines as clients in other languages write them: halves of surrogate pairs as escapes, numbers of
any form, escapes where none are needed."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.exact.content import same
from tests.mcp_server.processes import StdioProcess

CALL = '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s","arguments":%s}}'

CONTENTS = {
    "a half in a text": r'"cut \ud83d"',
    "the other half": r'"\ude00 rest"',
    "halves the wrong way round": r'"\ude00\ud83d"',
    "a whole pair": r'"\ud83d\ude00"',
    "a pair and a half": r'"\ud83d\ud83d\ude00"',
    "upper case": r'"\uD83D \uDFFF"',
    "NUL": r'"a\u0000b"',
    "needless escapes": r'"\u0041\/\u00e9\u2028"',
    "an escaped escape": r'"\\ud800 \\u0000"',
    "raw controls that JSON allows": '"\x7f\u2028\ufeff"',
    "a half in a part": r'[{"type":"text","text":"cut \ud83d"}]',
    "a half in a name": r'[{"type":"image","\ud83d":{"\udc00":["\ud800"]}}]',
    "a half in arguments": r'[{"type":"tool_call","id":"\ud800","name":"\udfff","arguments":{"q":"\ud83d"}}]',
    "a half in a string of arguments": (
        r'[{"type":"tool_call","id":"1","name":"f","arguments":"{\"q\":\"\ud83d\"}"}]'
    ),
    "a half in a result": (
        r'[{"type":"tool_result","call_id":"1","content":[{"type":"text","text":"\ud83d"}]}]'
    ),
    "large integers": r'[{"type":"image","n":[9007199254740993,18446744073709551616,-9223372036854775809]}]',
    "numbers of any form": (
        r'[{"type":"image","n":[1.0,1,-0.0,-0,1e2,1E-7,0.1,5e-324,1.7976931348623157e308,1e16]}]'
    ),
    "a half and large integers": r'[{"type":"image","n":[9007199254740993,1e22,1.0],"s":"\ud83d"}]',
    "an integer of 1,000 digits": '[{"type":"image","n":%s}]' % ("7" * 1_000),
}
"""JSON as it stands in the line."""

REFUSED = {
    "author": r'{"role":"user","content":"x","author":"\ud83d","conversation_id":"talk"}',
    "key": r'{"role":"user","content":"x","key":"\ud83d","conversation_id":"talk"}',
    "conversation_id": r'{"role":"user","content":"x","conversation_id":"a\u0000"}',
    "append_message has no argument": r'{"role":"user","content":"x","conversation_id":"talk","\ud83d":1}',
    "content": r'{"role":"user","content":[{"type":"image","n":NaN}],"conversation_id":"talk"}',
    "metadata": r'{"role":"user","content":"x","metadata":{"n":1e999},"conversation_id":"talk"}',
}
"""What JSON can say and no column can hold, by what the answer starts with."""


class Lines:
    """Calls with arguments given as they stand in the line."""

    def __init__(self, process: StdioProcess) -> None:
        self._process = process
        self._id = 0

    def call(self, tool: str, arguments: str) -> tuple[bool, str]:
        """Whether it failed, and the text of the answer."""
        self._id += 1
        self._process.send((CALL % (self._id, tool, arguments)).encode())
        answer = self._process.receive()
        assert answer["id"] == self._id
        if "error" in answer:
            return True, answer["error"]["message"]
        result: dict[str, Any] = answer["result"]
        return result.get("isError", False), result["content"][0]["text"]


@pytest.fixture(scope="module")
def lines(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Lines]:
    log: Path = tmp_path_factory.mktemp("raw") / "log"
    process = StdioProcess({"RECOLLECT_DATABASE_URL": shared_url}, log)
    try:
        process.initialize()
        yield Lines(process)
    finally:
        process.discard()


@pytest.fixture
def id(lines: Lines) -> str:
    failed, text = lines.call("create_conversation", "{}")
    assert not failed
    return json.loads(text)["conversation_id"]


@pytest.mark.parametrize("name", CONTENTS)
def test_what_stands_in_a_line_comes_back(lines: Lines, id: str, name: str) -> None:
    content = CONTENTS[name]
    metadata = f'{{"it":{content},"\\ud83d":[{content}]}}'
    message = f'{{"role":"assistant","content":{content},"metadata":{metadata}}}'
    fields = f'"conversation_id":"{id}","role":"assistant","content":{content},"metadata":{metadata}'
    for tool, arguments in (
        ("append_message", f"{{{fields}}}"),
        ("append_messages", f'{{"conversation_id":"{id}","messages":[{message}]}}'),
        ("append_messages", f'{{"conversation_id":"{id}","messages":{json.dumps(f"[{message}]")}}}'),
    ):
        failed, text = lines.call(tool, arguments)
        assert not failed, text
    given: Any = json.loads(content)
    parts = [{"type": "text", "text": given}] if isinstance(given, str) else given
    expected = [same(["assistant", parts, {"it": given, "\ud83d": [given]}])] * 3
    _, text = lines.call("list_messages", f'{{"conversation_id":"{id}","format":"json"}}')
    assert [_read(message) for message in json.loads(text)["messages"]] == expected
    _, text = lines.call("read_message", f'{{"conversation_id":"{id}","seq":2,"format":"json"}}')
    assert _read(json.loads(text)) == expected[0]
    # The readable form of it reaches a client too: an answer is always Unicode.
    for tool in ("load_context", "list_messages"):
        failed, text = lines.call(tool, f'{{"conversation_id":"{id}"}}')
        assert not failed
        text.encode()


def _read(message: dict[str, Any]) -> str:
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return same([message["role"], parts, message["metadata"]])


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_exactly_is_refused_by_name(lines: Lines, name: str) -> None:
    failed, text = lines.call("append_message", REFUSED[name])
    assert failed
    assert text.startswith(name)
    assert len(text) < 200
