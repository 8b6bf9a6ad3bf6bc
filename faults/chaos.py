"""What breaks, one function a fault. Each returns when what it broke may work again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from faults.clients import Clients
from faults.site import STATEMENT_TIMEOUT, USERS, Site, conversations, kill
from recollect.db.target import parse_url

OTHERS = (
    """SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
)


@dataclass(slots=True)
class Scene:
    """What a fault has to do with."""

    site: Site
    clients: Clients
    chance: random.Random


Fault = Callable[[Scene], Awaitable[None]]


async def backends_terminated(scene: Scene) -> None:
    """A third of PostgreSQL's backends, chosen at random, are terminated, five times."""
    admin = await scene.site.admin()
    try:
        for _ in range(5):
            pids = [row[0] for row in await admin.fetch(OTHERS)]
            for pid in scene.chance.sample(pids, (len(pids) + 2) // 3):
                await admin.execute("SELECT pg_terminate_backend($1)", pid)
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def backend_killed(scene: Scene) -> None:
    """One backend is killed with SIGKILL, at which PostgreSQL ends all others and recovers."""
    admin = await scene.site.admin()
    pids = [row[0] for row in await admin.fetch(OTHERS)]
    kill(scene.chance.choice(pids))
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        while True:
            await admin.execute("SELECT pg_sleep(0.01)")
    admin.terminate()


async def postgres_stopped_immediately(scene: Scene) -> None:
    """PostgreSQL is shut down in its immediate mode, without a checkpoint, and started again."""
    await scene.site.end_postgres(signal.SIGQUIT)


async def postgres_killed(scene: Scene) -> None:
    """PostgreSQL's first process is killed with SIGKILL, and started again."""
    await scene.site.end_postgres(signal.SIGKILL)


async def worker_killed(scene: Scene) -> None:
    """One of the two workers of `recollect serve` is killed with SIGKILL."""
    kill(scene.chance.choice(await scene.site.some_workers()))


async def server_killed(scene: Scene) -> None:
    """`recollect serve` is killed with all its workers, and started again."""
    await asyncio.to_thread(scene.site.kill_serve)
    await scene.site.start_serve()


async def client_killed(scene: Scene) -> None:
    """A client process is killed with SIGKILL in the middle of its calls; another one takes its place."""
    scene.clients.replace(scene.chance.choice(scene.clients.running))


async def pgbouncer_restarted(scene: Scene) -> None:
    """PgBouncer is killed and started again half a second later."""
    await scene.site.stop_pooler()
    await asyncio.sleep(0.5)
    await scene.site.start_pooler()


async def connections_cut(scene: Scene) -> None:
    """All connections through the proxies, to PostgreSQL and to `recollect serve`, are cut, ten times."""
    for _ in range(10):
        scene.site.db_proxy.cut()
        scene.site.http_proxy.cut()
        await asyncio.sleep(scene.chance.uniform(0.01, 0.1))


async def connections_half_open(scene: Scene) -> None:
    """Nothing gets through any more on the present connections, and nobody is told."""
    scene.site.db_proxy.freeze()
    scene.site.http_proxy.freeze()


async def answers_dropped(scene: Scene) -> None:
    """Connections break when the request has been passed on and before the answer, thirty times: what
    was written is committed, and its client does not know."""
    for _ in range(30):
        scene.site.db_proxy.cut_after_sends = scene.chance.randint(1, 3)
        scene.site.http_proxy.cut_after_sends = scene.chance.randint(1, 3)
        await asyncio.sleep(0.02)
    scene.site.db_proxy.cut_after_sends = scene.site.http_proxy.cut_after_sends = 0


async def connections_used_up(scene: Scene) -> None:
    """Somebody else holds every connection that PostgreSQL has left, and the clients' are terminated."""
    admin = await scene.site.admin()
    taken: list[asyncpg.Connection[asyncpg.Record]] = []
    try:
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await asyncpg.connect(**parse_url(scene.site.url).connect_args))
        mine = [connection.get_server_pid() for connection in taken]
        await admin.execute(
            f"SELECT pg_terminate_backend(pid) FROM ({OTHERS}) AS others (pid) WHERE pid <> ALL ($1)", mine
        )
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await asyncpg.connect(**parse_url(scene.site.url).connect_args))
        await asyncio.sleep(0.5)
    finally:
        for connection in taken:
            connection.terminate()
        await admin.close()


async def rows_locked(scene: Scene) -> None:
    """Somebody else holds the lock of the busiest conversations longer than a statement may take."""
    admin = await scene.site.admin()
    try:
        async with admin.transaction():
            await admin.execute(
                "SELECT FROM recollect.conversation WHERE id = ANY ($1) FOR UPDATE",
                [conversations(user)[0] for user in USERS],
            )
            await asyncio.sleep(STATEMENT_TIMEOUT + 0.5)
    finally:
        await admin.close()


async def tables_locked(scene: Scene) -> None:
    """Somebody else holds the messages' table locked against everything, for half a second."""
    admin = await scene.site.admin()
    try:
        async with admin.transaction():
            await admin.execute("LOCK TABLE recollect.message IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(0.5)
    finally:
        await admin.close()


async def migrated_thrice(scene: Scene) -> None:
    """`recollect migrate` runs in three processes at once."""
    await asyncio.gather(*(scene.site.recollect("migrate") for _ in range(3)))


FAULTS: tuple[Fault, ...] = (
    backends_terminated,
    answers_dropped,
    connections_cut,
    worker_killed,
    postgres_stopped_immediately,
    client_killed,
    pgbouncer_restarted,
    connections_used_up,
    backend_killed,
    tables_locked,
    migrated_thrice,
    server_killed,
    postgres_killed,
    connections_half_open,
    rows_locked,
)
"""All faults of the main phase, in the order of the short form."""

NEEDS_PGBOUNCER: frozenset[Fault] = frozenset({pgbouncer_restarted})


def told(fault: Callable[..., object]) -> str:
    """What a fault does, in one line."""
    return " ".join((fault.__doc__ or "").split())
