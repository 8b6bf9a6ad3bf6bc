"""Messages to lines: what no client could parse never leaves."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from mcp.types import JSONRPCResponse

from recollect.mcp_server.wire import decode, encode

ANY_TEXT = st.text(alphabet=st.characters())


@given(ANY_TEXT)
def test_every_text_leaves_as_one_line_that_strict_parsers_read(text: str) -> None:
    line = encode(JSONRPCResponse(jsonrpc="2.0", id=1, result={"text": text}))
    assert line.count(b"\n") == 1
    shown = json.loads(line.decode("utf-8"))["result"]["text"]
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert shown == joined


@given(st.recursive(st.none() | st.booleans() | st.integers() | ANY_TEXT, st.lists, max_leaves=20))
def test_every_json_value_in_a_request_arrives_as_it_was_sent(value: object) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"value": value}}
    for ascii_only in (True, False):
        line = json.dumps(request, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        if not ascii_only and any(
            0xD800 <= ord(char) <= 0xDFFF for char in json.dumps(value, ensure_ascii=False)
        ):
            continue  # not UTF-8; refused, see the table of malformed lines
        assert decode(line).model_dump()["params"]["value"] == json.loads(json.dumps(value))
