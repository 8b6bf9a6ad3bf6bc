"""`recollect export`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import IO, Annotated, Literal

import typer

from recollect.cli.destination import destination, unfinished
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.settings import Settings

FileFormat = Literal["jsonl", "json", "markdown", "html", "openai", "anthropic", "zip"]

HINT = "--output"


def command(
    conversation: Annotated[str | None, typer.Option(help="Only this one. Default: all of them.")] = None,
    format: Annotated[
        FileFormat,
        typer.Option(
            help="jsonl and json: everything, exactly, for `recollect import`. markdown and html: to read."
            " openai and anthropic: JSON lines for other programs. zip: jsonl, html and markdown at once."
        ),
    ] = "jsonl",
    output: Annotated[str, typer.Option("--output", "-o", help="File to write; - for stdout.")] = "-",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write your conversations to a file, all as they were at one moment.

    The file appears under its name when it is complete.
    """
    if format == "zip" and conversation is not None:
        raise typer.BadParameter("a zip holds everything; leave --conversation out", param_hint="--format")
    if output == "-":
        if format == "zip" and sys.stdout.isatty():
            raise typer.BadParameter("a zip is not for a terminal; name a file", param_hint=HINT)
        asyncio.run(_export(format, conversation, sys.stdout.buffer))
        sys.stdout.buffer.flush()
        return
    path = destination(Path(output), force=force, hint=HINT)
    # Conversations are private: the file is its owner's alone.
    fd, partial = unfinished(path, hint=HINT)
    try:
        with os.fdopen(fd, "wb") as file:
            asyncio.run(_export(format, conversation, file))
        partial.replace(path)
    except OSError as error:
        raise typer.BadParameter(f"{output} cannot be written: {error.strerror}", param_hint=HINT) from error
    finally:
        partial.unlink(missing_ok=True)
    print(f"Wrote {output}, {path.stat().st_size:,} bytes.", file=sys.stderr)


async def _export(format: FileFormat, id: str | None, file: IO[bytes]) -> None:
    settings = Settings()
    async with Recollect.open(settings) as store:
        async for piece in _pieces(store.for_user(settings.user_id), format, id):
            file.write(piece)


async def _pieces(history: History, format: FileFormat, id: str | None) -> AsyncGenerator[bytes]:
    if format == "zip":
        async for piece in history.export_zip():
            yield piece
        return
    async for text in history.export(format=format, id=id):
        yield text.encode()
