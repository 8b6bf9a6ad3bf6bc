"""Users and conversations whose ids hold anything: each segment of an address is decoded by itself."""

from __future__ import annotations

from urllib.parse import quote

import httpx2
import pytest

from tests.api.conftest import Server, problem, user_says

USERS = [
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "google-oauth2|1/2",
    "a user with spaces",
    "ünïcödé-用户-🙂",
    "e\u0301",
    "\u00e9",
    "100%",
    "%2F",
    "a+b@example.org",
    "?x=1#y",
    "a;b=c,d",
    "'; DROP TABLE message; --",
    "https://issuer.example/|sub",
    "messages",
    "~",
    "x" * 255,
]


@pytest.mark.parametrize("user", USERS)
async def test_a_user_s_own_address_works_encoded(server: Server, user: str) -> None:
    mine = f"/api/{quote(user, safe='')}/conversations"
    async with server.client(server.tokens.give(user)) as client:
        made = await client.post(mine, json={"id": "talk"})
        assert made.status_code == 201
        assert made.headers["location"] == f"{mine}/talk"
        assert (await client.post(f"{mine}/talk/messages", json=user_says("x"))).status_code == 201
        assert (await client.get("/api/me/conversations/talk")).json()["message_count"] == 1
        for other in USERS:
            if other != user:
                answer = await client.get(f"/api/{quote(other, safe='')}/conversations")
                problem(answer, 404, "not-found")
        assert (await client.delete(f"/api/{quote(user, safe='')}")).json()["messages"] == 1


@pytest.mark.parametrize(
    "id", [*USERS[:-1], "a/b", "a//b", "/", "conversations", "a/messages", "\u202e", "x" * 200]
)
async def test_a_conversation_s_address_works_encoded(api: httpx2.AsyncClient, id: str) -> None:
    made = await api.post("/api/me/conversations", json={"id": id})
    assert made.status_code == 201
    address = made.headers["location"]
    assert address == f"/api/me/conversations/{quote(id, safe='')}"
    assert (await api.post(f"{address}/messages", json=user_says("x"))).status_code == 201
    assert (await api.get(f"{address}/messages/1")).json()["content"] == "x"
    assert (await api.patch(address, json={"title": "new"})).json()["id"] == id
    assert (await api.delete(address)).json()["id"] == id
    assert (await api.post(f"{address}/restore")).json()["id"] == id
    listed = (await api.get("/api/me/conversations")).json()["conversations"]
    assert [one["id"] for one in listed] == [id]


async def test_ids_that_look_alike_are_different_ones(api: httpx2.AsyncClient) -> None:
    for id in ("\u00e9", "e\u0301", "E\u0301", "a", "a\u200b", "A"):
        assert (await api.post("/api/me/conversations", json={"id": id})).status_code == 201


async def test_an_encoded_name_of_a_route_is_no_route(api: httpx2.AsyncClient, talk: str) -> None:
    problem(await api.get("/api/me/conversations/talk%2Fmessages"), 404, "not-found")
    problem(await api.get("/api/me/%63onversations"), 404, "no-such-route")
    problem(await api.get("/api/me/conversations/talk/%2e%2e/other"), 404, "no-such-route")


async def test_bytes_that_are_no_text_name_nobody(api: httpx2.AsyncClient) -> None:
    for user in ("%ff", "%ed%a0%80", "%c3"):
        problem(await api.get(f"/api/{user}/conversations"), 404, "not-found")
