"""`recollect list`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from recollect.cli.terminal import day, print_json, styled, table
from recollect.history.scope import MAX_PAGE
from recollect.history.store import Recollect
from recollect.models.conversation import Conversation
from recollect.settings import Settings


def command(
    title: Annotated[
        str | None, typer.Option(help="Only titles that contain this, whatever the case.")
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Only archived ones.")] = False,
    trash: Annotated[bool, typer.Option("--trash", help="Only those in the trash.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="As many as there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, for programs.")] = False,
) -> None:
    """List your conversations, the latest first.

    "You" are the user that RECOLLECT_USER_ID names, else "local".
    """
    found, more = asyncio.run(_found(title, archived, trash, None if everything else limit))
    if as_json:
        for conversation in found:
            print_json(asdict(conversation))
        return
    if not found:
        print("No conversations.")
        return
    rows = [(one.id, one.title or "(untitled)", str(one.message_count), day(one.updated_at)) for one in found]
    print(table(("ID", "TITLE", "MESSAGES", "LAST ACTIVITY"), rows, flexible=1))
    if more:
        print(styled("2", "There are more: --limit or --all shows them."))


async def _found(
    title: str | None, archived: bool, trash: bool, limit: int | None
) -> tuple[list[Conversation], bool]:
    settings = Settings()
    found: list[Conversation] = []
    async with Recollect.open(settings) as store:
        history = store.for_user(settings.user_id)
        cursor: str | None = None
        while limit is None or len(found) < limit:
            page = await history.list(
                limit=MAX_PAGE if limit is None else min(MAX_PAGE, limit - len(found)),
                cursor=cursor,
                archived=None if trash else archived,
                trash=trash,
                title=title,
            )
            found += page.conversations
            cursor = page.next_cursor
            if cursor is None:
                break
    return found, cursor is not None
