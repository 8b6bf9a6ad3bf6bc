"""Search over REST, and contexts that recall."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.api.conftest import problem, user_says

SEARCH = "/api/me/search"
AT = "2026-11-23T10:04:00+00:00"


@pytest.fixture
async def sea(api: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """Two conversations about a lighthouse."""
    for id, title, words in (
        ("harbour", "At the sea", ["Which lighthouse?", "The réd one at the pier.", "Thanks."]),
        ("other", None, ["A lighthouse keeper wrote it."]),
    ):
        await api.post("/api/me/conversations", json={"id": id} | ({"title": title} if title else {}))
        body = [{"role": "user", "content": each, "author": "Maria", "occurred_at": AT} for each in words]
        done = await api.post(f"/api/me/conversations/{id}/messages", json={"messages": body})
        assert done.status_code == 201
    return api


async def found(api: httpx2.AsyncClient, **parameters: str) -> list[tuple[str, int]]:
    answer = await api.get(SEARCH, params=parameters)
    assert answer.status_code == 200, answer.text
    return [(hit["conversation_id"], hit["seq"]) for hit in answer.json()["hits"]]


async def test_a_hit_shows_its_place_and_where_the_words_are(sea: httpx2.AsyncClient) -> None:
    answer = await sea.get(SEARCH, params={"query": "red", "context": "1"})
    page: dict[str, Any] = answer.json()
    (hit,) = page["hits"]
    assert hit.pop("score") > 0
    around = {"role": "user", "author": "Maria", "at": AT}
    assert page == {
        "hits": [
            {
                "conversation_id": "harbour",
                "title": "At the sea",
                "seq": 2,
                "role": "user",
                "author": "Maria",
                "at": AT,
                "snippet": "The réd one at the pier.",
                "marks": [[4, 7]],
                "neighbours": [
                    {"seq": 1, **around, "text": "Which lighthouse?"},
                    {"seq": 3, **around, "text": "Thanks."},
                ],
            }
        ],
        "next_cursor": None,
    }


async def test_filters_choose_and_a_cursor_goes_on(sea: httpx2.AsyncClient) -> None:
    assert await found(sea, query="lighthouse", conversation_id="other") == [("other", 1)]
    assert await found(sea, query="lighthouse", exclude="other") == [("harbour", 1)]
    assert await found(sea, query="lighthouse", role="assistant") == []
    assert await found(sea, query="lighthouse", until="2026-11-23") == []
    assert await found(sea, query="pier", since="2026-11-23", until="2026-11-23T10:05Z") == [("harbour", 2)]
    first = (await sea.get(SEARCH, params={"query": "lighthouse", "limit": "1"})).json()
    rest = {"query": "lighthouse", "limit": "1", "cursor": first["next_cursor"]}
    second = (await sea.get(SEARCH, params=rest)).json()
    places = {hit["conversation_id"] for page in (first, second) for hit in page["hits"]}
    assert (places, second["next_cursor"]) == ({"harbour", "other"}, None)
    other = await sea.get(SEARCH, params=rest | {"query": "keeper"})
    assert problem(other, 422, "invalid-argument")["argument"] == "cursor"


@pytest.mark.parametrize(
    ("argument", "parameters"),
    [
        ("query", {}),
        ("query", {"query": ""}),
        ("query", {"query": "the"}),
        ("query", {"query": "-berlin"}),
        ("query", {"query": "x" * 10_001}),
        ("since", {"query": "x", "since": "yesterday"}),
        ("until", {"query": "x", "until": "0001-01-01T00:00+23:59"}),
        ("role", {"query": "x", "role": "nobody"}),
        ("limit", {"query": "x", "limit": "51"}),
        ("context", {"query": "x", "context": "4"}),
        ("cursor", {"query": "x", "cursor": "x"}),
    ],
)
async def test_what_cannot_be_searched_for_is_refused_by_name(
    api: httpx2.AsyncClient, argument: str, parameters: dict[str, str]
) -> None:
    refused = problem(await api.get(SEARCH, params=parameters), 422, "invalid-argument")
    assert refused["argument"] == argument


async def test_what_is_in_the_trash_is_not_found(sea: httpx2.AsyncClient) -> None:
    await sea.delete("/api/me/conversations/other")
    assert await found(sea, query="lighthouse") == [("harbour", 1)]


async def test_contexts_and_turns_recall_what_answers(sea: httpx2.AsyncClient) -> None:
    talk = "/api/me/conversations/other"
    place = {"conversation_id": "harbour", "seq": 2}
    window = (await sea.get(f"{talk}/context", params={"query": "Where is the red one?"})).json()
    assert window["recalled"][0] == place
    assert "at the pier" in window["text"]
    plain = (await sea.get(f"{talk}/context")).json()
    assert "recalled" not in plain
    both = {"query": "red", "receipt": plain["receipt"]}
    refused = problem(await sea.get(f"{talk}/context", params=both), 422, "invalid-argument")
    assert refused["argument"] == "query"
    for address in (f"{talk}/turns", "/api/me/turns"):
        body = user_says("Where is the red one?") | {"query": "Where is the red one?", "format": "openai"}
        turn = await sea.post(address, json=body, headers={"Idempotency-Key": address})
        assert turn.status_code == 201
        context = turn.json()["context"]
        assert place in context["recalled"]
        assert "at the pier" in context["messages"][-1]["content"]
