"""`recollect backup`: everything that the database holds of Recollect, in one file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO, Annotated

import typer

from recollect.cli.destination import destination, unfinished
from recollect.cli.owner import owner_connection, owner_target
from recollect.db.backup import backup
from recollect.db.backup_file import Manifest
from recollect.db.target import Target
from recollect.models.errors import InvalidArgument, RecollectError
from recollect.settings import Settings

HINT = "FILE"


def command(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Write everything into one file: all users' conversations, messages, summaries and tokens.

    All as it was at one moment; servers go on meanwhile. Connects to RECOLLECT_MIGRATION_URL, else
    RECOLLECT_DATABASE_URL, else the embedded PostgreSQL, as a role that sees all users' rows. The
    file appears under its name when it is complete. `recollect restore` reads it.
    """
    file = destination(file, force=force, hint=HINT)
    settings = Settings()
    with owner_target(settings) as target:
        manifest = _write(file, target, settings.connect_timeout)
    if as_json:
        print(json.dumps({"file": str(file), "bytes": file.stat().st_size, **asdict(manifest)}, indent=2))
        return
    print(f"Wrote {file}, {file.stat().st_size:,} bytes:")
    for copy in manifest.tables:
        print(f"{copy.rows:>12,}  {copy.name}")


def _write(file: Path, target: Target, connect_timeout: float) -> Manifest:
    # It holds everybody's conversations: the file is its owner's alone.
    fd, partial = unfinished(file, hint=HINT)
    try:
        with os.fdopen(fd, "wb") as out:
            manifest = asyncio.run(_backup(target, connect_timeout, out))
        partial.replace(file)
    except OSError as error:  # closing it writes what waits, once more
        raise InvalidArgument("file", f"cannot be written: {error.strerror}") from error
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


async def _backup(target: Target, connect_timeout: float, out: IO[bytes]) -> Manifest:
    """Raises CancelledError where it is told to end (SIGTERM) or interrupted (SIGINT)."""
    task = asyncio.current_task()
    if task is not None and sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        connection = await owner_connection(target, connect_timeout)
        try:
            return await backup(connection, out)
        finally:
            await connection.close()
    except RecollectError as error:
        if task is not None and task.cancelling():  # the driver may tell of a broken connection instead
            raise asyncio.CancelledError from error
        raise
