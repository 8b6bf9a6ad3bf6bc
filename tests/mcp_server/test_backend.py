"""When and how the store is opened: late, once, and again after a failure."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from mcp import Client

from recollect.history.store import Recollect
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import LazyBackend, lazy_backend
from recollect.models.errors import NotReady
from recollect.settings import Settings
from tests.mcp_server.conftest import text_of


class Opener:
    """Opens the store of some settings, and notes what happens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.fails = 0
        self.opened = self.closed = 0
        self.began = asyncio.Event()

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[Recollect]:
        self.began.set()
        if self.fails:
            self.fails -= 1
            raise NotReady("The database has no schema yet. Run: recollect migrate")
        async with Recollect.open(self._settings) as store:
            self.opened += 1
            yield store
        self.closed += 1


@pytest.fixture
async def opener(settings: Settings) -> Opener:
    return Opener(settings)


@pytest.fixture
async def backend(opener: Opener) -> AsyncGenerator[LazyBackend]:
    backend = LazyBackend(opener)
    yield backend
    await backend.close()


async def test_listing_the_tools_opens_the_store_in_the_background(
    opener: Opener, backend: LazyBackend
) -> None:
    async with Client(create_server(backend, identity=lambda: "alice")) as client:
        assert not opener.began.is_set()
        await client.list_tools()
        assert not opener.began.is_set()
        await asyncio.wait_for(opener.began.wait(), 10)


async def test_calls_that_come_at_once_share_one_store_and_it_is_closed(
    opener: Opener, backend: LazyBackend
) -> None:
    async with Client(create_server(backend, identity=lambda: "alice")) as client:
        results = await asyncio.gather(*(client.call_tool("list_conversations", {}) for _ in range(8)))
        assert not any(result.is_error for result in results)
    assert (opener.opened, opener.closed) == (1, 0)
    await backend.close()
    assert opener.closed == 1


async def test_a_failed_opening_is_told_to_the_caller_and_the_next_call_tries_again(
    opener: Opener, backend: LazyBackend
) -> None:
    opener.fails = 2  # once in the background, once for the call; or only for the call
    async with Client(create_server(backend, identity=lambda: "alice")) as client:
        assert (await client.list_tools()).tools
        await asyncio.wait_for(opener.began.wait(), 10)
        failed = await client.call_tool("list_conversations", {})
        assert failed.is_error
        assert text_of(failed) == "The database has no schema yet. Run: recollect migrate"
        opener.fails = 0
        assert not (await client.call_tool("list_conversations", {})).is_error


async def test_resources_can_be_listed_while_the_database_is_away(
    opener: Opener, backend: LazyBackend
) -> None:
    opener.fails = 1
    async with Client(create_server(backend, identity=lambda: "alice")) as client:
        resources = (await client.list_resources()).resources
        assert [resource.uri for resource in resources] == ["recollect://conversations"]


async def test_a_crash_is_answered_without_its_details(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def broken() -> AsyncGenerator[Recollect]:
        raise RuntimeError("password=hunter2")
        yield

    backend = LazyBackend(broken)
    async with Client(create_server(backend, identity=lambda: "alice")) as client:
        result = await client.call_tool("list_conversations", {})
    await backend.close()
    assert result.is_error
    assert text_of(result).startswith("list_conversations failed inside Recollect")
    assert "hunter2" not in text_of(result)
    assert "hunter2" in caplog.text


async def test_an_unmigrated_database_is_named_in_the_answer(empty_database_url: str) -> None:
    settings = Settings.model_validate({"database_url": empty_database_url})
    async with (
        lazy_backend(settings) as backend,
        Client(create_server(backend, identity=lambda: "alice")) as client,
    ):
        result = await client.call_tool("list_conversations", {})
    assert result.is_error
    assert "recollect migrate" in text_of(result)


BEFORE_THE_STORE = """
import asyncio, sys
import recollect.cli.main, recollect.mcp_server.stdio
from mcp import Client
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import LazyBackend

HEAVY = ("sqlalchemy", "sqlmodel", "asyncpg", "alembic", "typer", "rich", "recollect.db")
HEAVY += ("jwt", "fastapi", "recollect.identity", "recollect.serving", "recollect.api")

async def main():
    loaded = []
    def opener():
        loaded.extend(name for name in HEAVY if name in sys.modules)
        asked.set()
        raise SystemExit
    asked = asyncio.Event()
    backend = LazyBackend(opener)
    async with Client(create_server(backend, identity=lambda: "alice")) as client:
        print(len((await client.list_tools()).tools))
        loaded.extend(name for name in HEAVY if name in sys.modules)
    print(loaded)

asyncio.run(main())
"""


def test_nothing_heavy_is_imported_before_the_tools_are_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE_THE_STORE], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["14", "[]"]
