"""`recollect prune`."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from recollect.cli.terminal import confirmed, counted, day, print_json, table
from recollect.history.store import Recollect
from recollect.models.conversation import Conversation
from recollect.settings import Settings

_AGE = re.compile(r"(\d{1,6})([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def command(
    older_than: Annotated[
        str,
        typer.Option(
            help="Without activity for so long (in the trash: trashed so long ago): 30d, 8w, 6m, 2y."
        ),
    ],
    trash_only: Annotated[bool, typer.Option("--trash-only", help="Only what is in the trash.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, for programs.")] = False,
) -> None:
    """Really remove old conversations. Nothing is ever removed but what you ask for here.

    Pinned conversations stay. Shows what would go and asks first; there is no undo.
    """
    found = _AGE.fullmatch(older_than)
    if found is None:
        raise typer.BadParameter("must be a number and d, w, m or y, such as 365d", param_hint="--older-than")
    try:
        before = datetime.now(UTC) - timedelta(days=int(found[1]) * _DAYS[found[2]])
    except OverflowError as error:
        raise typer.BadParameter("is longer than there are years", param_hint="--older-than") from error
    asyncio.run(_prune(before, trash_only, dry_run, yes, as_json))


async def _prune(before: datetime, trash_only: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    settings = Settings()
    async with Recollect.open(settings) as store:
        history = store.for_user(settings.user_id)
        found = await history.stale(before, trash_only=trash_only)
        if not as_json:
            _show(found, dry_run)
        elif dry_run:
            for one in found:
                _print(one, removed=False)
        if dry_run or not found:
            return
        if not confirmed(f"Remove {counted(len(found), 'conversation')}? There is no undo.", yes):
            raise typer.Exit(1)
        conversations = messages = 0
        for one in found:
            erased = await history.purge_stale(one.id, before, trash_only=trash_only)
            conversations += erased.conversations
            messages += erased.messages
            if as_json:  # one that was used meanwhile stays
                _print(one, removed=erased.conversations > 0)
        if not as_json:
            removed = counted(conversations, "conversation")
            print(f"Removed {removed} with {counted(messages, 'message')}.")


def _print(one: Conversation, *, removed: bool) -> None:
    print_json({"id": one.id, "title": one.title, "messages": one.message_count, "removed": removed})


def _show(found: list[Conversation], dry_run: bool) -> None:
    if not found:
        print("Nothing is that old.")
    else:
        rows = [
            (
                one.id,
                one.title or "(untitled)",
                str(one.message_count),
                day(one.deleted_at or one.updated_at),
                "trash" if one.deleted_at else "",
            )
            for one in found
        ]
        print(table(("ID", "TITLE", "MESSAGES", "SINCE", ""), rows, flexible=1))
        if dry_run:
            print("Nothing was removed.")
