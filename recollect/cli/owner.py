"""The owner's way into the database: for commands that change the schema or handle all users' rows."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from recollect.db.connector import Connection, Connector
from recollect.db.embedded import EmbeddedPostgres
from recollect.db.migrate import LONGEST_STATEMENT_SECONDS
from recollect.db.target import Target, parse_url
from recollect.settings import Settings


@contextmanager
def owner_target(settings: Settings) -> Generator[Target]:
    """RECOLLECT_MIGRATION_URL, else the database's URL, else the embedded server, which is kept running
    until the block ends."""
    url = settings.migration_url or settings.database_url
    if url is not None:
        yield parse_url(url.get_secret_value(), settings.pooler)
        return
    server = EmbeddedPostgres(settings.data_home())
    try:
        yield parse_url(server.ensure(), "none")
    finally:
        server.release()


async def owner_connection(target: Target, connect_timeout: float) -> Connection:
    """One connection, which its user closes."""
    return await Connector(
        target,
        connect_timeout=connect_timeout,
        statement_timeout=LONGEST_STATEMENT_SECONDS,
        before_connect=None,
    ).open()
