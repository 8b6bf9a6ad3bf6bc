"""What a token allows: refused before anything happens, with all that is missing in one answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recollect.mcp_server.tools import DEFINITIONS
from tests.identity.provider import Provider
from tests.mcp_server.http_process import Answer, HttpProcess, bearer, call, request, text
from tests.mcp_server.protected.conftest import PUBLIC
from tests.mcp_server.protected.streams import SseSession

MODERN = "2026-07-28"

READING = (
    "load_context",
    "list_conversations",
    "search_messages",
    "list_messages",
    "read_message",
    "export_conversation",
)

CALLS: dict[str, dict[str, Any]] = {
    "create_conversation": {"conversation_id": "new"},
    "open_turn": {"conversation_id": "talk", "content": "x", "key": "x"},
    "append_messages": {"conversation_id": "talk", "messages": [{"role": "user", "content": "x"}]},
    "append_message": {"conversation_id": "talk", "role": "user", "content": "x"},
    "load_context": {"conversation_id": "talk"},
    "save_summary": {"conversation_id": "talk", "upto_seq": 1, "content": "x"},
    "list_conversations": {},
    "search_messages": {"query": "hello"},
    "list_messages": {"conversation_id": "talk"},
    "read_message": {"conversation_id": "talk", "seq": 1},
    "update_conversation": {"conversation_id": "talk", "title": "another"},
    "fork_conversation": {"conversation_id": "talk"},
    "export_conversation": {"conversation_id": "talk"},
    "delete_conversation": {"conversation_id": "talk"},
}
PERMANENT = {"conversation_id": "talk", "permanent": True, "confirm": "talk"}

OTHERS: dict[str, dict[str, Any]] = {
    "resources/list": {},
    "resources/read": {"uri": "recollect://conversations"},
    "prompts/get": {"name": "resume_conversation", "arguments": {"conversation_id": "talk"}},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "resume_conversation"},
        "argument": {"name": "conversation_id", "value": "t"},
    },
    "subscriptions/listen": {"notifications": {"resourceSubscriptions": ["recollect://conversations/talk"]}},
    "resources/subscribe": {"uri": "recollect://conversations/talk"},
    "something/new": {},
}


@pytest.fixture
def everything(user: str, server: HttpProcess, provider: Provider) -> str:
    """A token of a new user with all scopes, and a conversation of theirs."""
    token = provider.token(sub=user, scope="history:read history:write history:erase")
    call(server, token, "create_conversation", conversation_id="talk", title="a talk")
    call(server, token, "append_message", conversation_id="talk", role="user", content="hello")
    return token


def conversations(server: HttpProcess, token: str) -> str:
    """All that is stored of the user."""
    return text(call(server, token, "list_conversations")) + text(
        call(server, token, "list_messages", conversation_id="talk")
    )


def refused(answer: Answer, scope: str) -> None:
    assert answer.status == 403, answer
    assert answer.challenge["error"] == "insufficient_scope"
    assert answer.challenge["scope"] == scope
    assert answer.challenge["resource_metadata"].startswith(f"{PUBLIC}/.well-known/oauth-protected-resource/")
    assert answer.json["error"] == "insufficient_scope"


def test_every_tool_has_a_row_here() -> None:
    assert list(CALLS) == [definition.run.__name__ for definition in DEFINITIONS]


@pytest.mark.parametrize("tool", CALLS)
def test_a_tool_takes_its_scope(
    tool: str, user: str, everything: str, server: HttpProcess, provider: Provider
) -> None:
    before = conversations(server, everything)
    needed = "history:read" if tool in READING else "history:write"
    lesser = provider.token(sub=user, scope="history:erase" if tool in READING else "history:read")
    refused(call(server, lesser, tool, **CALLS[tool]), needed)
    assert conversations(server, everything) == before
    enough = provider.token(sub=user, scope=needed)
    assert call(server, enough, tool, **CALLS[tool]).json["result"].get("isError", False) is False


@pytest.mark.parametrize("permanent", [True, "true", 1, "yes", "on", [True], {}])
def test_removing_for_good_takes_a_scope_of_its_own(
    permanent: object, user: str, everything: str, server: HttpProcess, provider: Provider
) -> None:
    before = conversations(server, everything)
    token = provider.token(sub=user, scope="history:read history:write")
    refused(
        call(server, token, "delete_conversation", **PERMANENT | {"permanent": permanent}), "history:erase"
    )
    assert conversations(server, everything) == before


def test_with_that_scope_it_is_removed(everything: str, server: HttpProcess) -> None:
    assert "removed" in text(call(server, everything, "delete_conversation", **PERMANENT))
    assert "talk" not in text(call(server, everything, "list_conversations", trash=True))


@pytest.mark.parametrize("method", OTHERS)
def test_whatever_else_is_asked_takes_the_right_to_read(
    method: str, everything: str, server: HttpProcess, provider: Provider
) -> None:
    token = provider.token(scope="history:erase")
    refused(server.send(request(method, OTHERS[method]), **bearer(token)), "history:read")


@pytest.mark.parametrize("method", ["ping", "tools/list", "prompts/list", "resources/templates/list"])
def test_what_is_the_same_for_everybody_takes_a_token_and_no_scope(
    method: str, server: HttpProcess, provider: Provider
) -> None:
    assert "result" in server.send(request(method), **bearer(provider.token(scope=""))).json


def modern(method: str, params: dict[str, Any]) -> bytes:
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return request(method, {**params, "_meta": meta})


@pytest.mark.parametrize("tool", [name for name in CALLS if name not in READING])
def test_a_newer_client_gets_the_same_challenge(
    tool: str, everything: str, server: HttpProcess, provider: Provider
) -> None:
    body = modern("tools/call", {"name": tool, "arguments": CALLS[tool]})
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": tool}
    refused(server.send(body, **headers, **bearer(provider.token(scope="history:read"))), "history:write")
    assert "result" in server.send(body, **headers, **bearer(everything)).json


ERASING = {"name": "delete_conversation", "arguments": PERMANENT}

LIES: dict[str, tuple[dict[str, str], bytes]] = {
    "an older client's header names another method": (
        {"Mcp-Method": "tools/list"},
        request("tools/call", ERASING),
    ),
    "an older client's header names another tool": (
        {"Mcp-Method": "tools/call", "Mcp-Name": "list_conversations"},
        request("tools/call", ERASING),
    ),
    "a newer client's header names another method": (
        {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"},
        modern("tools/call", ERASING),
    ),
    "a newer client's header names another tool": (
        {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "list_conversations"},
        modern("tools/call", ERASING),
    ),
    "the first of two methods is harmless": (
        {},
        request("tools/call", ERASING).replace(b'"method"', b'"method": "ping", "method"'),
    ),
    "the second of two methods is harmless": (
        {},
        request("tools/call", ERASING)[:-1] + b', "method": "ping"}',
    ),
    "the second of two arguments is harmless": (
        {},
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": ERASING})
        .replace('"confirm"', '"permanent": false, "confirm"')
        .encode(),
    ),
    "a batch": ({}, b"[" + request("tools/call", ERASING) + b"]"),
    "a name with escapes": (
        {},
        request("tools/call", ERASING).replace(b"delete_conversation", b"\\u0064elete_conversation"),
    ),
    "a number that is no JSON": (
        {},
        request("tools/call", ERASING).replace(b'"id": 1', b'"id": 1, "x": NaN, "y": 1e999'),
    ),
    "a lone surrogate": (
        {},
        request("tools/call", ERASING).replace(b'"id": 1', b'"id": 1, "x": "\\ud83d"'),
    ),
    "utf-16": ({}, request("tools/call", ERASING).decode().encode("utf-16")),
    "a byte order mark": ({}, b"\xef\xbb\xbf" + request("tools/call", ERASING)),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_way_of_writing_a_request_gets_more_than_the_token_allows(
    lie: str, user: str, everything: str, server: HttpProcess, provider: Provider
) -> None:
    before = conversations(server, everything)
    headers, body = LIES[lie]
    answer = server.send(body, **headers, **bearer(provider.token(sub=user, scope="history:read")))
    assert answer.status in (200, 400, 403), answer
    assert b"removed" not in answer.body
    assert conversations(server, everything) == before


def test_over_sse_a_request_is_refused_in_the_same_way(
    user: str, everything: str, server: HttpProcess, provider: Provider
) -> None:
    before = conversations(server, everything)
    reader = provider.token(sub=user, scope="history:read")
    with SseSession(server, reader) as session:
        session.initialize()
        refused(session.post(request("tools/call", ERASING), reader), "history:erase")
        lying = session.post(request("tools/call", ERASING, id=7), reader, Mcp_Method="ping")
        assert lying.status == 202
        assert "does not allow" in session.receive()["error"]["message"]
        assert session.post(request("tools/list", id=8), reader).status == 202
        assert session.receive()["id"] == 8
    assert conversations(server, everything) == before
