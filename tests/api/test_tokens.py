"""The token of a request: in one header, whole, and nowhere else."""

from __future__ import annotations

import httpx2
import pytest

from tests.api.conftest import Server, problem

ADDRESS = "/api/me/conversations"


@pytest.mark.parametrize(
    "form", ["{}", "Basic {}", "Token {}", "Bearer", "Bearer{}", "Bearer x{}", "Bearer {} {}"]
)
async def test_what_is_no_bearer_token_is_none(server: Server, user: str, form: str) -> None:
    token = server.tokens.give(user)
    async with server.client(None) as client:
        answer = await client.get(ADDRESS, headers={"Authorization": form.format(token, token)})
        problem(answer, 401, "unauthenticated")
        assert token not in answer.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_has_no_case(server: Server, user: str, scheme: str) -> None:
    async with server.client(None) as client:
        headers = {"Authorization": f"{scheme} {server.tokens.give(user)}"}
        assert (await client.get(ADDRESS, headers=headers)).status_code == 200


async def test_two_tokens_are_none(server: Server, user: str) -> None:
    header = f"Bearer {server.tokens.give(user)}"
    async with server.client(None) as client:
        answer = await client.get(ADDRESS, headers=[("Authorization", header), ("Authorization", header)])
        problem(answer, 401, "unauthenticated")


async def test_a_token_in_the_address_a_cookie_or_a_body_is_none(server: Server, user: str) -> None:
    token = server.tokens.give(user)
    async with server.client(None) as client:
        for answer in (
            await client.get(ADDRESS, params={"access_token": token}),
            await client.get(ADDRESS, params={"token": token}),
            await client.get(ADDRESS, headers={"Cookie": f"access_token={token}"}),
            await client.post(ADDRESS, json={"access_token": token}),
        ):
            problem(answer, 401, "unauthenticated")


async def test_who_may_not_write_is_told_before_the_body_is_read(server: Server, user: str) -> None:
    async with server.client(None) as client:
        answer = await client.post(ADDRESS, content=b"not json", headers={"Content-Type": "text/plain"})
        problem(answer, 401, "unauthenticated")


async def test_the_document_needs_no_token(server: Server) -> None:
    async with server.client(None) as client:
        document = await client.get("/api/openapi.json")
        assert document.status_code == 200
        assert document.json()["info"]["title"] == "Recollect"


async def test_me_and_one_s_own_id_are_the_same(api: httpx2.AsyncClient, user: str, talk: str) -> None:
    assert (await api.get(f"/api/{user}/conversations")).json() == (await api.get(ADDRESS)).json()
