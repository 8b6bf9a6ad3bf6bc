"""What the OpenAPI document says beyond the shapes that the fuzzing tries."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.api.conftest import user_says
from tests.api.surface import DOCUMENT, operations


async def test_answers_carry_the_headers_that_the_document_names(api: httpx2.AsyncClient, talk: str) -> None:
    kept = {"Idempotency-Key": "k"}
    calls: list[tuple[str, str, str, dict[str, Any]]] = [
        ("create_conversation", "POST", "/api/me/conversations", {"json": {}}),
        ("append_messages", "POST", f"{talk}/messages", {"json": user_says("a", "b"), "headers": kept}),
        ("append_messages", "POST", f"{talk}/messages", {"json": user_says("a", "b"), "headers": kept}),
        (
            "append_messages",
            "POST",
            f"{talk}/messages",
            {"json": user_says("c"), "headers": {"If-Match": '"9"'}},
        ),
        ("open_turn", "POST", f"{talk}/turns", {"json": user_says("c"), "headers": kept}),
        ("open_turn", "POST", f"{talk}/turns", {"json": user_says("c"), "headers": {"Idempotency-Key": "l"}}),
        ("begin_turn", "POST", "/api/me/turns", {"json": user_says("c"), "headers": kept}),
        ("list_messages", "GET", f"{talk}/messages", {}),
        ("read_message", "GET", f"{talk}/messages/1", {}),
        ("load_context", "GET", f"{talk}/context", {}),
        ("list_branches", "GET", f"{talk}/branches", {}),
        ("switch_head", "PUT", f"{talk}/head", {"json": {"seq": 2}}),
        ("fork_conversation", "POST", f"{talk}/fork", {"json": {}}),
        ("save_summary", "POST", f"{talk}/summaries", {"json": {"upto_seq": 1, "content": "s"}}),
        ("list_summaries", "GET", f"{talk}/summaries", {}),
        ("list_conversations", "GET", "/api/me/conversations", {}),
        ("search_messages", "GET", "/api/me/search?query=hello", {}),
        ("update_conversation", "PATCH", talk, {"json": {"pinned": True}}),
        ("get_conversation", "GET", talk, {}),
        ("delete_conversation", "DELETE", talk, {}),
        ("restore_conversation", "POST", f"{talk}/restore", {}),
        ("get_conversation", "GET", talk, {"headers": {"Authorization": "Bearer nobody"}}),
    ]
    named = {operation.id: operation.spec["responses"] for operation in operations()}
    for id, method, address, more in calls:
        answer = await api.request(method, address, **more)
        headers = {name for name in DOCUMENT["components"]["headers"] if name in answer.headers}
        assert headers == set(named[id][str(answer.status_code)].get("headers", ())), (id, answer.status_code)


def test_a_client_made_from_the_document_changes_only_what_it_is_told_to() -> None:
    fields = DOCUMENT["components"]["schemas"]["Changes"]
    assert [name for name, field in fields["properties"].items() if "default" in field] == []
    assert "required" not in fields
