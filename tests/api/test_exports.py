"""Conversations as files: each format, everything in one zip, and readers that do not read."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import get_args

import httpx2
import pytest

from recollect.history.exporting import ExportFormat
from recollect.history.store import Recollect
from recollect.models.message import NewMessage
from tests.api.conftest import Server, problem, user_says

EXPORT = "/api/me/export"


async def test_a_conversation_comes_in_every_format_as_the_library_gives_it(
    api: httpx2.AsyncClient, shared_store: Recollect, user: str
) -> None:
    history = shared_store.for_user(user)
    await history.create(id="a/b ü", title="T")
    await history.append("a/b ü", [NewMessage("user", "Grüße 🚆\x00"), NewMessage("assistant", "<b>no</b>")])
    for format in get_args(ExportFormat):
        answer = await api.get("/api/me/conversations/a%2Fb%20%C3%BC/export", params={"format": format})
        assert answer.status_code == 200
        assert answer.content.decode() == "".join(
            [text async for text in history.export(format=format, id="a/b ü")]
        )
        assert answer.headers["content-disposition"].startswith(
            "attachment; filename*=UTF-8''a%2Fb%20%C3%BC."
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"].partition(";")[0] == {
            "markdown": "text/markdown",
            "html": "text/html",
            "json": "application/json",
        }.get(format, "application/x-ndjson")
        assert ("sandbox" in answer.headers.get("content-security-policy", "")) is (format == "html")


async def test_everything_is_one_zip_that_another_user_can_import(
    api: httpx2.AsyncClient, server: Server, talk: str
) -> None:
    await api.post(f"{talk}/messages", json=user_says("one", "two"))
    await api.post("/api/me/conversations", json={"id": "old"})
    await api.delete("/api/me/conversations/old")
    answer = await api.get(EXPORT)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        lines = archive.read("recollect.jsonl")
    assert names == ["README.txt", "recollect.jsonl", "conversations.html", "conversations/00001-A-talk.md"]
    assert {
        json.loads(line)["conversation"]["id"] for line in lines.splitlines() if b'"conversation"' in line
    } == {
        "talk",
        "old",
    }
    async with server.client(server.tokens.give("bob-imports")) as bob:
        done = await bob.post(
            "/api/me/import", content=answer.content, headers={"Content-Type": "application/zip"}
        )
        assert json.loads(done.text.splitlines()[-1])["summary"]["outcomes"] == {"created": 2}
        again = await bob.get(EXPORT)
    assert again.content == answer.content


async def test_an_empty_history_is_a_zip_as_well(api: httpx2.AsyncClient) -> None:
    with zipfile.ZipFile(BytesIO((await api.get(EXPORT)).content)) as archive:
        assert archive.namelist() == ["README.txt", "recollect.jsonl", "conversations.html"]


async def test_the_zip_holds_nothing_of_another_user(
    api: httpx2.AsyncClient, server: Server, talk: str
) -> None:
    await api.post(f"{talk}/messages", json=user_says("alice's secret"))
    async with server.client(server.tokens.give("bob-exports")) as bob:
        await bob.post("/api/me/conversations", json={"id": "talk"})
        with zipfile.ZipFile(BytesIO((await bob.get(EXPORT)).content)) as archive:
            assert b"secret" not in b"".join(map(archive.read, archive.namelist()))
    with zipfile.ZipFile(BytesIO((await api.get(EXPORT)).content)) as archive:
        assert b"alice's secret" in archive.read("recollect.jsonl")


async def test_a_conversation_in_the_trash_can_be_taken_along(api: httpx2.AsyncClient, talk: str) -> None:
    await api.post(f"{talk}/messages", json=user_says("one"))
    await api.delete(talk)
    assert "one" in (await api.get(f"{talk}/export", params={"format": "markdown"})).text


async def test_what_is_not_there_and_what_is_no_format_are_problems(
    api: httpx2.AsyncClient, talk: str
) -> None:
    problem(await api.get("/api/me/conversations/nothing/export"), 404, "not-found")
    answer = await api.get(f"{talk}/export", params={"format": "pdf"})
    assert problem(answer, 422, "invalid-argument")["argument"] == "format"


@pytest.fixture
async def large(api: httpx2.AsyncClient, talk: str) -> str:
    """The address of a conversation that no socket's buffers hold."""
    for _ in range(8):
        assert (await api.post(f"{talk}/messages", json=user_says("x" * 4_000_000))).status_code == 201
    return f"{talk}/export"


async def test_a_user_has_two_exports_at_a_time_and_who_leaves_gives_a_place_back(
    api: httpx2.AsyncClient, shared_store: Recollect, large: str
) -> None:
    async with api.stream("GET", large) as first, api.stream("GET", large) as second:
        assert first.status_code == second.status_code == 200
        answer = await api.get(large)
        assert "exports" in problem(answer, 429, "too-many-requests")["detail"]
        assert (await api.get("/api/me/conversations")).status_code == 200
    while True:
        answer = await api.get(large)
        if answer.status_code == 200:
            break
    assert len(answer.content) > 32_000_000
    while (use := shared_store.pool_use()).free < use.open:
        await api.get("/api/me/conversations")


async def test_an_export_shows_one_moment(api: httpx2.AsyncClient, talk: str, large: str) -> None:
    async with api.stream("GET", large) as answer:
        await api.post(f"{talk}/messages", json=user_says("later"))
        text = "".join([piece async for piece in answer.aiter_text()])
    assert '"later"' not in text
    assert json.loads(text.splitlines()[-1])["end"]["messages"] == 8
