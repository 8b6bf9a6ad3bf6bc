"""From settings to a database that is ready: embedded or given, migrated or refused."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from anyio import to_thread

from recollect.db import pgvector
from recollect.db.database import Database
from recollect.db.embedded import EmbeddedPostgres
from recollect.db.inspect import check_ready
from recollect.db.replica import CONNECT_SECONDS, WAIT_SECONDS, Replica
from recollect.db.target import Target, parse_url
from recollect.models.errors import InvalidSetting, NotReady
from recollect.settings import Settings


@asynccontextmanager
async def connect(settings: Settings) -> AsyncGenerator[Database]:
    """A database whose schema is the one that this code needs.

    Raises: NotReady (migrations, roles, configuration), Unavailable, InvalidSetting.
    """
    if settings.database_url is None:
        if settings.replica_url is not None:
            raise InvalidSetting("replica_url", "needs database_url beside it: that of the primary")
        async with _embedded(settings) as db:
            yield db
        return
    target = parse_url(settings.database_url.get_secret_value(), settings.pooler)
    db = await _open(settings, target, replica=await _replica(settings))
    try:
        await _check(db)
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def _embedded(settings: Settings) -> AsyncGenerator[Database]:
    server = EmbeddedPostgres(settings.data_home())

    async def revive() -> Target:
        return parse_url(await to_thread.run_sync(server.ensure), "none")

    try:
        target = await revive()
        db = await _open(settings, target, revive)
        try:
            try:
                await _check(db)
            except NotReady:
                await to_thread.run_sync(_migrate, target)
                await _check(db)
            if settings.embeddings_url is not None:
                await _make_pgvector(db)
            yield db
        finally:
            await db.close()
    finally:
        server.release()


def replica_target(settings: Settings) -> Target | None:
    """Where RECOLLECT_REPLICA_URL points to. Raises: InvalidSetting."""
    if settings.replica_url is None:
        return None
    try:
        return parse_url(settings.replica_url.get_secret_value(), settings.pooler)
    except InvalidSetting as error:
        raise InvalidSetting("replica_url", error.problem) from error


async def _replica(settings: Settings) -> Replica[Database] | None:
    target = replica_target(settings)
    if target is None:
        return None
    database = await Database.open(
        target,
        pool_size=settings.pool_size,
        connect_timeout=min(settings.connect_timeout, CONNECT_SECONDS),
        statement_timeout=settings.statement_timeout,
        max_idle=settings.connection_max_idle,
        wait=WAIT_SECONDS,
    )
    return Replica(database, _check)


async def _open(
    settings: Settings,
    target: Target,
    before_connect: Callable[[], Awaitable[Target]] | None = None,
    replica: Replica[Database] | None = None,
) -> Database:
    return await Database.open(
        target,
        pool_size=settings.pool_size,
        connect_timeout=settings.connect_timeout,
        statement_timeout=settings.statement_timeout,
        max_idle=settings.connection_max_idle,
        before_connect=before_connect,
        replica=replica,
    )


async def _check(db: Database) -> None:
    async with db.system() as connection:
        db.distributed = await check_ready(connection)


async def _make_pgvector(db: Database) -> None:
    connection = await db.open_direct()
    if connection is not None:
        try:
            await pgvector.make(connection)
        finally:
            await connection.close()


def _migrate(target: Target) -> None:
    # Alembic and SQLAlchemy cost about a second to import: only where there is something to do.
    from recollect.db.migrate import migrate

    migrate(target)
