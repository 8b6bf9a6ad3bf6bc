"""`recollect show`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Annotated

import typer

from recollect.cli.terminal import counted, day, harmless, one_line, print_json, styled
from recollect.db.exports import StoredMessage
from recollect.history.exporting.document import message_fields
from recollect.history.exporting.shown import arguments, held, label
from recollect.history.history import History
from recollect.history.scope import MAX_PAGE
from recollect.history.store import Recollect
from recollect.models.conversation import Conversation
from recollect.models.message import Message, Part
from recollect.models.parts import part_text
from recollect.settings import Settings

COLOURS = {"user": "1;34", "assistant": "1;32"}


def command(
    conversation: Annotated[str, typer.Argument(help="Its id, as `recollect list` shows it.")],
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest so many messages.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, for programs.")] = False,
) -> None:
    """Show one conversation: every message in the order in which they were stored."""
    asyncio.run(_show(conversation, last, as_json))


async def _show(id: str, last: int | None, as_json: bool) -> None:
    settings = Settings()
    async with Recollect.open(settings) as store:
        history = store.for_user(settings.user_id)
        found = await history.get(id)
        if as_json:
            print_json(asdict(found))
        else:
            _print_heading(found)
        async for message in _messages(history, found, last):
            if as_json:
                print_json(message_fields(StoredMessage(message, None)))
            else:
                _print_message(message)


async def _messages(history: History, found: Conversation, last: int | None) -> AsyncGenerator[Message]:
    after = 0 if last is None else max(0, found.last_seq - last)
    while True:
        page = await history.list_messages(found.id, after=after, limit=min(50, MAX_PAGE))
        for message in page.messages:
            yield message
        if not page.more_after:
            return
        after = page.messages[-1].seq


def _print_heading(found: Conversation) -> None:
    print(styled("1", one_line(found.title or "(untitled)")))
    state = ", in the trash" if found.deleted_at else ", archived" if found.archived_at else ""
    print(styled("2", f"{one_line(found.id)}, {counted(found.message_count, 'message')}{state}"))


def _print_message(message: Message) -> None:
    author = "" if message.author is None else f" ({one_line(message.author)})"
    at = day(message.occurred_at or message.created_at)
    after = "" if message.parent_seq == message.seq - 1 else f", follows #{message.parent_seq}"
    heading = styled(COLOURS.get(message.role, "1"), f"#{message.seq} {message.role}{author}")
    print(f"\n{heading}  {styled('2', at + after)}")
    print(harmless("\n".join(map(_words, message.parts))))


def _words(part: Part) -> str:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return part_text(part)
    if kind == "tool_call":
        return f"→ {one_line(part['name'])} {arguments(part)}"
    if kind == "tool_result":
        return f"← {part_text(part)}"
    if kind == "reasoning" and isinstance(part.get("text"), str):
        return f"(reasoning) {part['text']}"
    words = held(part)
    return f"({label(part)})" if words is None else f"({label(part)})\n{words}"
