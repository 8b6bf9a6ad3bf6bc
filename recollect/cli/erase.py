"""`recollect erase`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from recollect.cli.terminal import confirmed, counted, one_line, print_json
from recollect.history.store import Recollect
from recollect.models.conversation import Erased
from recollect.settings import Settings


def command(
    conversations: Annotated[list[str] | None, typer.Argument(help="Ids of conversations to remove.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Remove all conversations of this user.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Really remove conversations with all their messages, in the trash or not.

    There is no undo: asks first, and says how many rows were removed. `recollect export` before it
    keeps a copy.
    """
    if bool(conversations) == everything:
        raise typer.BadParameter("name conversations, or give --everything", param_hint="CONVERSATIONS")
    erased = asyncio.run(_erase(conversations or [], yes))
    if erased is None:
        raise typer.Exit(1)
    if as_json:
        print_json(
            {
                "conversations": erased.conversations,
                "messages": erased.messages,
                "summaries": erased.summaries,
            }
        )
    else:
        removed = counted(erased.conversations, "conversation")
        print(f"Removed {removed} with {counted(erased.messages, 'message')}.")


async def _erase(ids: list[str], yes: bool) -> Erased | None:
    settings = Settings()
    total = Erased(0, 0, 0)
    async with Recollect.open(settings) as store:
        history = store.for_user(settings.user_id)
        # All are looked up before any is removed: a wrong id removes nothing.
        found = [await history.get(id) for id in dict.fromkeys(ids)]
        if not ids:
            question = f"Remove EVERYTHING of the user {settings.user_id!r}? There is no undo."
            return await history.erase_user() if confirmed(question, yes) else None
        for one in found:
            title = one_line(one.title or "(untitled)")
            question = (
                f"Remove {one_line(one.id)}, {title}, with {counted(one.message_count, 'message')}? "
                "There is no undo."
            )
            if not confirmed(question, yes):
                return total if total.conversations else None
            erased = await history.purge(one.id)
            total.conversations += erased.conversations
            total.messages += erased.messages
            total.summaries += erased.summaries
    return total
