"""Databases on a Citus cluster: RECOLLECT_TEST_DATABASE_URL names its coordinator, a superuser, and a
database in which the nodes are known.

A database is one on each node, and none can be cloned: each is made, joined and migrated by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from recollect.db.migrate import migrate
from recollect.db.target import parse_url

SHARDS = 4

_NODES = "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0 ORDER BY nodeport"


@cache
def nodes(url: str) -> tuple[tuple[str, int], ...]:
    """The workers of a coordinator; none where there is no Citus."""

    async def ask() -> tuple[tuple[str, int], ...]:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            return tuple((row[0], row[1]) for row in await connection.fetch(_NODES))
        except asyncpg.UndefinedTableError:
            return ()
        finally:
            await connection.close()

    return asyncio.run(ask())


@contextmanager
def distributed_database(cluster: str, name: str, *, migrated: bool) -> Generator[str]:
    """The URL of a new database on all nodes, gone afterwards."""
    workers = nodes(cluster)
    everywhere = [*(_at(cluster, *worker) for worker in workers), cluster]
    asyncio.run(_make(everywhere, workers, name))
    url = _named(cluster, name)
    try:
        if migrated:
            migrate(parse_url(url))
        yield url
    finally:
        asyncio.run(_run([(node, f"DROP DATABASE {name} WITH (FORCE)") for node in everywhere[::-1]]))


async def _make(everywhere: list[str], workers: tuple[tuple[str, int], ...], name: str) -> None:
    await _run([(node, f"CREATE DATABASE {name}") for node in everywhere])
    await _run([(node, f"ALTER DATABASE {name} SET citus.shard_count TO {SHARDS}") for node in everywhere])
    await _run([(_named(node, name), "CREATE EXTENSION citus") for node in everywhere])
    place = urlsplit(everywhere[-1])
    joining = [f"SELECT citus_set_coordinator_host('{place.hostname}', {place.port or 5432})"]
    joining += [f"SELECT citus_add_node('{host}', {port})" for host, port in workers]
    await _run([(_named(everywhere[-1], name), statement) for statement in joining])


async def _run(statements: list[tuple[str, str]]) -> None:
    for url, statement in statements:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _at(url: str, host: str, port: int) -> str:
    place = urlsplit(url)
    login, separator, _ = place.netloc.rpartition("@")
    return urlunsplit(place._replace(netloc=f"{login}{separator}{host}:{port}"))


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
