"""`recollect restore`: a backup's rows into a database that has none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recollect.cli.owner import owner_connection, owner_target
from recollect.db.backup import check_empty, restore
from recollect.db.backup_file import Reader
from recollect.db.connector import Connection
from recollect.db.migrate import HEAD, migrate
from recollect.db.target import Target
from recollect.models.errors import NotReady, RecollectError
from recollect.settings import Settings


def command(
    file: Annotated[Path, typer.Argument(help="A file that `recollect backup` wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Bring a backup into a database that holds no conversations; the schema is made if need be.

    The file is checked before anything is written, and what landed is compared with it before it
    is committed: all of it, or nothing. Connects as `recollect backup` does. A backup of an older
    version is brought to the newest revision.
    """
    reader = Reader(file)
    try:
        if reader.manifest.revision > HEAD:
            raise NotReady(
                f"The backup is of revision {reader.manifest.revision}, and this version of Recollect knows "
                f"{HEAD}: a newer one wrote it. Upgrade Recollect."
            )
        reader.check()
        settings = Settings()
        with owner_target(settings) as target:
            _restore(reader, target, settings.connect_timeout)
    finally:
        reader.close()
    manifest = reader.manifest
    if as_json:
        print(json.dumps({"database": target.display(), **asdict(manifest)}, indent=2))
        return
    print(f"Restored into {target.display()} what {manifest.created_at} held:")
    for copy in manifest.tables:
        print(f"{copy.rows:>12,}  {copy.name}")


def _restore(reader: Reader, target: Target, connect_timeout: float) -> None:
    async def fill(connection: Connection) -> None:
        await restore(connection, reader)

    asyncio.run(_on(target, connect_timeout, check_empty))
    before = migrate(target, reader.manifest.revision, connect_timeout=connect_timeout).before
    try:
        asyncio.run(_on(target, connect_timeout, fill))
    except RecollectError:
        if before is not None:  # servers that run on the empty database go on
            with suppress(RecollectError):
                migrate(target, before, connect_timeout=connect_timeout)
        raise
    migrate(target, connect_timeout=connect_timeout)


async def _on(target: Target, connect_timeout: float, work: Callable[[Connection], Awaitable[None]]) -> None:
    connection = await owner_connection(target, connect_timeout)
    try:
        await work(connection)
    finally:
        await connection.close()
