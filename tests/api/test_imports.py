"""Files sent to /import: what is answered, what is stored, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
import uuid
import zipfile
from collections.abc import AsyncGenerator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest

from recollect.api.app import create_api
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.as_json import import_fields
from recollect.settings import Settings
from tests.api.conftest import Server, Tokens, listening, problem
from tests.api.surface import never
from tests.conftest import on_database, run_sql
from tests.importing.chatgpt_files import conversation
from tests.importing.conftest import FIXTURES, conversations, import_into

IMPORT = "/api/me/import"
LINES = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
FILE = {"Content-Type": "application/octet-stream"}


def archive(*sizes: int, prefix: str = "c") -> bytes:
    """ChatGPT's `conversations.json` with conversations of so many messages."""
    return json.dumps(
        [
            conversation(f"{prefix}{number}", [f"message {number} {place} " * 10 for place in range(size)])
            for number, size in enumerate(sizes)
        ]
    ).encode()


def content(path: Path) -> bytes:
    return path.read_bytes()


async def once_admitted(api: httpx2.AsyncClient, file: bytes) -> httpx2.Response:
    """The answer to an import, as soon as the one before has ended."""
    while True:
        answer = await api.post(IMPORT, content=file, headers=JSON)
        if answer.status_code != 429:
            return answer


def lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_each_conversation_is_reported_and_a_second_import_changes_nothing(
    api: httpx2.AsyncClient,
) -> None:
    first, second, end = lines(await api.post(IMPORT, content=archive(3, 2), headers=JSON))
    assert (first["conversation"]["outcome"], first["conversation"]["added"]) == ("created", 3)
    assert end == {
        "summary": {
            "outcomes": {"created": 2},
            "messages": 5,
            "added": 5,
            "problems": 0,
            "dry_run": False,
        }
    }
    id = second["conversation"]["id"]
    stored = (await api.get(f"/api/me/conversations/{id}/messages")).json()["messages"]
    assert [message["content"] for message in stored] == [f"message 1 {place} " * 10 for place in range(2)]
    again = lines(await api.post(IMPORT, content=archive(3, 2), headers=JSON))
    assert again[-1]["summary"] | {"messages": 0} == {
        "outcomes": {"unchanged": 2},
        "messages": 0,
        "added": 0,
        "problems": 0,
        "dry_run": False,
    }


async def test_a_zip_is_read_and_names_no_folder_of_the_server(api: httpx2.AsyncClient) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("conversations-000.json", archive(2, prefix="a"))
        zipped.writestr("conversations-001.json", b"[{" + archive(2, prefix="b")[1:])
        zipped.writestr("../conversations.json", archive(2, prefix="c"))
        zipped.writestr("chat.html", "<html>")
    answer = await api.post(
        IMPORT,
        params={"filename": "mine.zip"},
        content=packed.getvalue(),
        headers={"Content-Type": "application/zip"},
    )
    found = lines(answer)
    assert found[-1]["summary"]["outcomes"] == {"created": 1}
    problems = [line["problem"] for line in found if "problem" in line]
    assert [one["where"].partition(",")[0] for one in problems] == [
        "mine.zip > ../conversations.json",
        "mine.zip > conversations-001.json",
    ]
    assert {"where": "mine.zip", "what": "files that are not JSON: 1"} in [
        line["skipped"] for line in found if "skipped" in line
    ]
    assert "tmp" not in answer.text


@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.json*")), ids=lambda path: path.name)
async def test_every_format_is_read_as_it_is_read_from_a_disk(
    api: httpx2.AsyncClient, shared_store: Recollect, user: str, path: Path
) -> None:
    answer = await api.post(IMPORT, params={"filename": path.name}, content=content(path), headers=FILE)
    sent = [line["conversation"] for line in lines(answer) if "conversation" in line]
    reports = await import_into(shared_store.for_user(f"{user}-too"), path)
    read = [import_fields(report)["conversation"] for report in conversations(reports)]
    assert sent == read


async def test_a_dry_run_stores_nothing(api: httpx2.AsyncClient) -> None:
    answer = await api.post(IMPORT, params={"dry_run": "true"}, content=archive(3), headers=JSON)
    end = lines(answer)[-1]["summary"]
    assert (end["added"], end["dry_run"]) == (3, True)
    assert (await api.get("/api/me/conversations")).json()["conversations"] == []


async def test_what_is_no_export_is_told_and_stores_nothing(api: httpx2.AsyncClient) -> None:
    found = lines(await api.post(IMPORT, content=b"\x00\xff hello", headers=FILE))
    assert "is of no known format" in found[0]["problem"]["problem"]
    assert found[-1]["summary"]["problems"] == 1


@pytest.fixture
async def small(shared_store: Recollect) -> AsyncGenerator[Server]:
    """A server that takes imports of at most 1,000 bytes."""
    tokens = Tokens()

    async def reach(user_id: str) -> History:
        return shared_store.for_user(user_id)

    async with listening(create_api(reach, tokens, never, max_import=1_000)) as port:
        yield Server(port, tokens)


async def in_chunks(*chunks: bytes) -> AsyncGenerator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_file_that_is_too_large_is_refused_with_its_limit(small: Server, user: str) -> None:
    async with small.client(small.tokens.give(user)) as client:
        for content in (b" " * 1_001, in_chunks(b" " * 600, b" " * 600)):
            refused = problem(await client.post(IMPORT, content=content, headers=FILE), 413, "too-large")
            assert "1000 bytes" in refused["detail"]
        assert len(lines(await client.post(IMPORT, content=b" " * 1_000, headers=FILE))) == 2


@pytest.mark.parametrize(
    "kind", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}]
)
async def test_a_body_of_another_type_is_refused(api: httpx2.AsyncClient, kind: dict[str, str]) -> None:
    refused = problem(await api.post(IMPORT, content=b"x", headers=kind), 415, "unsupported-media-type")
    assert "application/octet-stream" in refused["detail"]


async def test_an_empty_body_is_refused(api: httpx2.AsyncClient) -> None:
    assert problem(await api.post(IMPORT, headers=FILE), 422, "invalid-argument")["argument"] == "body"


async def test_what_an_import_cannot_promise_is_refused(api: httpx2.AsyncClient) -> None:
    """It is idempotent by itself, and keys have no meaning."""
    answer = await api.post(IMPORT, content=archive(1), headers={**JSON, "Idempotency-Key": "x"})
    assert problem(answer, 422, "invalid-argument")["argument"] == "Idempotency-Key"


async def test_a_user_has_one_import_at_a_time_and_a_client_that_leaves_ends_its_own(
    api: httpx2.AsyncClient, server: Server
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncGenerator[bytes]:
        yield archive(2)[:100]
        begun.set()
        await go_on.wait()
        yield archive(2)[100:]

    first = asyncio.create_task(api.post(IMPORT, content=slowly(), headers=JSON))
    await begun.wait()
    while (answer := await api.post(IMPORT, content=archive(1), headers=JSON)).status_code == 200:
        pass  # the first one has not reached the server yet
    refused = problem(answer, 429, "too-many-requests")
    assert int(answer.headers["retry-after"]) > 0
    assert "imports" in refused["detail"]
    async with server.client(server.tokens.give("somebody-else")) as other:
        assert lines(await other.post(IMPORT, content=archive(1), headers=JSON))
    first.cancel()
    await asyncio.wait((first,))
    assert lines(await once_admitted(api, archive(2)))[-1]["summary"]["messages"] == 2


async def test_a_client_that_leaves_in_the_middle_can_send_it_again(api: httpx2.AsyncClient) -> None:
    whole = archive(*[30] * 200)
    async with api.stream("POST", IMPORT, content=whole, headers=JSON) as answer:
        first = json.loads(await anext(answer.aiter_lines()))
    assert first["conversation"]["outcome"] == "created"
    end = lines(await once_admitted(api, whole))[-1]["summary"]
    assert (sum(end["outcomes"].values()), end["messages"]) == (200, 6_000)
    assert lines(await api.post(IMPORT, content=whole, headers=JSON))[-1]["summary"]["outcomes"] == {
        "unchanged": 200
    }


async def test_a_database_that_goes_away_in_the_middle_is_the_last_line(cluster: str, template: str) -> None:
    name = f"gone_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(run_sql, cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    settings = Settings.model_validate({"database_url": on_database(cluster, name), "connect_timeout": 0.5})
    tokens = Tokens()
    async with Recollect.open(settings) as store:

        async def reach(user_id: str) -> History:
            return store.for_user(user_id)

        async with listening(create_api(reach, tokens, never)) as port:
            server = Server(port, tokens)
            async with (
                server.client(tokens.give("alice")) as client,
                client.stream("POST", IMPORT, content=archive(*[30] * 600), headers=JSON) as answer,
            ):
                found = answer.aiter_lines()
                assert "conversation" in json.loads(await anext(found))
                await asyncio.to_thread(run_sql, cluster, f"DROP DATABASE {name} WITH (FORCE)")
                *_, last = [line async for line in found]
    error = json.loads(last)["error"]
    assert error["type"] in ("urn:recollect:problem:not-ready", "urn:recollect:problem:unavailable")
    assert "send the same again" in error["detail"]
    assert "Nothing was changed" not in error["detail"]
