"""The phases of a run: a site, its clients, what breaks meanwhile, and the checker's verdict."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from faults.chaos import FAULTS, NEEDS_PGBOUNCER, Scene
from faults.client import Assignment
from faults.clients import Clients
from faults.full_disk import fill, small_disk
from faults.outcome import Outcome, judge
from faults.site import USERS, Site, conversations, furnish
from faults.stepped_clock import Clock, library, stepped_server
from recollect.db.migrate import migrate
from recollect.db.target import parse_url

PATIENCE = 60.0
"""Seconds after a fault within which every client has to be acknowledged something."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is done.

    appends:  acknowledged in the main phase, at least; a round of all faults is always done.
    tasks:    of each client process.
    pause:    most seconds between a fault's end and the next one.
    """

    appends: int
    tasks: int
    pause: float


FULL = Extent(appends=100_000, tasks=8, pause=2.0)
QUICK = Extent(appends=0, tasks=4, pause=0.0)


@asynccontextmanager
async def phase(
    name: str, folder: Path, home: Path | None = None
) -> AsyncGenerator[tuple[Outcome, Site, Clients]]:
    """A site without a schema, and clients that are judged when the block ends.

    home:  where the site is, if not in `folder`.
    """
    outcome, began = Outcome(name), time.monotonic()
    (folder / name).mkdir(exist_ok=True)
    async with Site(home or folder / name / "site") as site:
        clients = Clients(folder / name)
        try:
            yield outcome, site, clients
            await clients.stop()
            await judge(outcome, clients, site.url)
        finally:
            clients.kill()
    outcome.seconds = time.monotonic() - began


def assignment(site: Site, name: str, door: str, tasks: int, seed: int, url: str = "") -> Assignment:
    """What a client of this name has to do."""
    ids = {user: conversations(user) for user in USERS}
    return Assignment(name, door, url, site.tokens, ids, tasks, seed)


async def broken_at_random(folder: Path, extent: Extent, seed: int) -> Outcome:
    """The main phase: clients by every way in, and all faults, in rounds."""
    async with phase("main", folder) as (outcome, site, clients):
        await site.furnish()
        await site.start_ways()
        start_clients(site, clients, extent, seed)
        await site.start_serve()
        await clients.until_all_go_on(PATIENCE)
        scene, chance = Scene(site, clients, random.Random(seed)), random.Random(seed)
        faults = [fault for fault in FAULTS if site.pooled or fault not in NEEDS_PGBOUNCER]
        while True:
            for fault in faults:
                say(f"{clients.acked:>7,} acknowledged; {fault.__name__}")
                await fault(scene)
                outcome.recovered[fault.__name__].append(await clients.until_all_go_on(PATIENCE))
                site.db_proxy.thaw()
                site.http_proxy.thaw()
                await asyncio.sleep(chance.uniform(0, extent.pause))
            if clients.acked >= extent.appends:
                return outcome
            chance.shuffle(faults)
    raise AssertionError("not reached")


def start_clients(site: Site, clients: Clients, extent: Extent, seed: int) -> None:
    """One process by each way in. Through the proxy all tasks share a single connection: its pool is
    always exhausted."""
    direct = assignment(site, "direct", "library", extent.tasks, seed)
    clients.start(direct, RECOLLECT_DATABASE_URL=site.url, RECOLLECT_POOL_SIZE="4")
    proxied = assignment(site, "proxied", "library", extent.tasks, seed)
    clients.start(proxied, RECOLLECT_DATABASE_URL=site.db_proxy.url, RECOLLECT_POOL_SIZE="1")
    clients.start(assignment(site, "http", "http", extent.tasks, seed, site.address))
    if site.pooled:
        pooled = assignment(site, "pooled", "library", extent.tasks, seed)
        clients.start(pooled, RECOLLECT_DATABASE_URL=site.pooled, RECOLLECT_POOL_SIZE="4")


async def upgraded_under_load(folder: Path, extent: Extent, seed: int) -> Outcome:
    """Revision 0001 is upgraded by three processes at once, while clients of its version append;
    clients of this version wait for it and then append beside them."""
    async with phase("upgrade", folder) as (outcome, site, clients):
        await site.recollect("migrate", "--to", "0001")
        await make_old_conversations(site)
        for name in ("old", "older"):
            clients.start(assignment(site, name, "old", extent.tasks, seed, site.url))
        await clients.until_all_go_on(PATIENCE)
        await clients.until_acked(2_000 if extent.appends else 200, PATIENCE)
        say(f"{clients.acked:>7,} acknowledged; the schema is upgraded")
        for name in ("new", "newer"):
            given = assignment(site, name, "library", extent.tasks, seed)
            clients.start(given, RECOLLECT_DATABASE_URL=site.url)
        began = time.monotonic()
        await asyncio.gather(*(site.recollect("migrate") for _ in range(3)))
        await clients.until_all_go_on(PATIENCE)
        outcome.recovered["upgraded_under_load"].append(time.monotonic() - began)
        await clients.until_acked(clients.acked + (5_000 if extent.appends else 300), PATIENCE)
    return outcome


async def disk_filled(folder: Path, extent: Extent, seed: int) -> Outcome:
    """The filesystem under PostgreSQL is filled to the last byte until nothing is acknowledged any
    more, and a second later there is room again."""
    (folder / "disk").mkdir()
    with small_disk(folder / "disk") as place:
        async with phase("disk", folder, place / "site") as (outcome, site, clients):
            await site.furnish()
            for name in ("first", "second"):
                given = assignment(site, name, "library", extent.tasks, seed)
                clients.start(given, RECOLLECT_DATABASE_URL=site.url, RECOLLECT_POOL_SIZE="4")
            await clients.until_all_go_on(PATIENCE)
            for _ in range(3 if extent.appends else 1):
                say(f"{clients.acked:>7,} acknowledged; disk_filled")
                ballast = await asyncio.to_thread(fill, place)
                await clients.until_none_goes_on(PATIENCE)
                ballast.unlink()
                began = time.monotonic()
                await (await site.admin()).close()
                await clients.until_all_go_on(PATIENCE)
                outcome.recovered["disk_filled"].append(time.monotonic() - began)
    return outcome


async def forgetful(folder: Path, extent: Extent, seed: int) -> Outcome:
    """Not a phase of a run but its proof: PostgreSQL is told to acknowledge before it writes down, and
    killed. The checker has to miss what was acknowledged."""
    async with phase("forgetful", folder) as (outcome, site, clients):
        await site.furnish()
        admin = await site.admin()
        for setting in ("synchronous_commit = off", "wal_writer_delay = '10s'"):
            await admin.execute(f"ALTER SYSTEM SET {setting}")
        await admin.close()
        await site.end_postgres(signal.SIGQUIT)
        given = assignment(site, "trusting", "library", extent.tasks, seed)
        clients.start(given, RECOLLECT_DATABASE_URL=site.url)
        await clients.until_all_go_on(PATIENCE)
        for _ in range(3):
            await clients.until_acked(clients.acked + 100, PATIENCE)
            await site.end_postgres(signal.SIGKILL)
            await clients.until_all_go_on(PATIENCE)
    return outcome


STEPS = (3_600, -7_200, 86_400 * 400, -86_400 * 400, 0)
"""Seconds from the true time, one after the other: on, back, far on, far back, right again."""


async def clock_stepped(folder: Path, extent: Extent, seed: int) -> Outcome:
    """The clocks of PostgreSQL and of a client are stepped: an hour on, two hours back, 400 days on and
    back."""
    preload = library()
    assert preload is not None
    (folder / "clock" / "server").mkdir(parents=True)
    clock = Clock(folder / "clock" / "time", preload)
    outcome, began = Outcome("clock"), time.monotonic()
    async with stepped_server(folder / "clock" / "server", clock) as url:
        await asyncio.to_thread(migrate, parse_url(url))
        tokens = await furnish(url)
        clients = Clients(folder / "clock")
        try:
            for name, variables in (("true", {}), ("stepped", clock.environment)):
                ids = {user: conversations(user) for user in USERS}
                given = Assignment(name, "library", "", tokens, ids, extent.tasks, seed)
                clients.start(given, RECOLLECT_DATABASE_URL=url, **variables)
            await clients.until_all_go_on(PATIENCE)
            for seconds in STEPS * (3 if extent.appends else 1):
                say(f"{clients.acked:>7,} acknowledged; clock_stepped {seconds:+,} seconds")
                clock.step(seconds)
                await check_clock(url, seconds)
                outcome.recovered["clock_stepped"].append(await clients.until_all_go_on(PATIENCE))
                await clients.until_acked(clients.acked + (500 if extent.appends else 50), PATIENCE)
            await clients.stop()
            await judge(outcome, clients, url)
        finally:
            clients.kill()
    outcome.seconds = time.monotonic() - began
    return outcome


NOW = "SELECT extract(epoch FROM clock_timestamp())"


async def check_clock(url: str, seconds: int) -> None:
    """Make sure that the server's clock is so far from this process's."""
    connection = await asyncpg.connect(**parse_url(url).connect_args)
    try:
        ahead = float(await connection.fetchval(NOW)) - time.time()
    finally:
        await connection.close()
    if abs(ahead - seconds) > 60:
        raise RuntimeError(f"the clock is {ahead:.0f} seconds ahead, not {seconds}")


async def make_old_conversations(site: Site) -> None:
    """By SQL: this version's code does not work on that revision."""
    admin = await site.admin()
    try:
        for user in USERS:
            await admin.execute(
                "INSERT INTO recollect.conversation (user_id, id) SELECT $1, unnest($2::text[])",
                user,
                conversations(user),
            )
    finally:
        await admin.close()


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
