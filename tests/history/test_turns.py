"""Many appends to one conversation at once, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import pytest

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import RecollectError, Unavailable
from recollect.models.message import Appended, NewMessage
from recollect.settings import Settings

HELLO = NewMessage("user", "hello")
MANY = 20


@pytest.fixture
async def history(database_url: str, request: pytest.FixtureRequest) -> AsyncGenerator[History]:
    """Of a process with four connections."""
    given = {"database_url": database_url, "pool_size": 4, "statement_timeout": request.param}
    async with Recollect.open(Settings.model_validate(given)) as store:
        history = store.for_user("alice")
        for id in ("busy", "calm"):
            await history.create(id=id)
        yield history


async def wait_for(admin: asyncpg.Connection[asyncpg.Record], waiting: int) -> None:
    """Until so many statements wait for a lock."""
    while await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < waiting:
        pass


async def locked(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    await admin.execute("BEGIN; SELECT FROM recollect.conversation WHERE id = 'busy' FOR UPDATE")


@pytest.mark.parametrize("history", [30], indirect=True)
async def test_a_busy_conversation_leaves_connections_for_the_others(
    history: History, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await locked(admin)
    appends = [asyncio.create_task(history.append("busy", HELLO)) for _ in range(MANY)]
    turns = [
        asyncio.create_task(history.open_turn(HELLO, key=str(number), id="busy")) for number in range(MANY)
    ]
    await wait_for(admin, 2)
    assert (await history.append("calm", HELLO)).head == 1
    assert not any(task.done() for task in [*appends, *turns])
    await admin.execute("ROLLBACK")
    places = [(await task).first_seq for task in appends] + [
        (await task).appended.first_seq for task in turns
    ]
    assert sorted(places) == list(range(1, 2 * MANY + 1))


@pytest.mark.parametrize("history", [0.4], indirect=True)
async def test_whoever_waits_too_long_is_told_and_takes_nobodys_turn(
    history: History, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await locked(admin)
    appends = [history.append("busy", HELLO) for _ in range(MANY)]
    done = await asyncio.gather(*appends, return_exceptions=True)
    assert all(isinstance(each, RecollectError) for each in done)
    assert any(isinstance(each, Unavailable) and "Other appends" in str(each) for each in done)
    await admin.execute("ROLLBACK")
    assert await history.append("busy", HELLO) == Appended("busy", 1, 1, 1, False, False)


@pytest.mark.parametrize("history", [30], indirect=True)
async def test_who_gives_up_takes_nobodys_turn(
    history: History, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await locked(admin)
    appends = [asyncio.create_task(history.append("busy", HELLO)) for _ in range(MANY)]
    await wait_for(admin, 2)
    gone, kept = appends[4::2], [*appends[:4], *appends[5::2]]  # the first two have been sent
    for task in gone:
        task.cancel()
    await asyncio.wait(gone)
    await admin.execute("ROLLBACK")
    places = [(await task).first_seq for task in kept]
    assert sorted(places) == list(range(1, len(kept) + 1))
