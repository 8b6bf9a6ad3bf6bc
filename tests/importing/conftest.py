"""Importing files into Alice's history, and looking at what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from recollect.history.history import History
from recollect.history.importing import read
from recollect.models.imported import ConversationReport, ImportReport
from recollect.models.message import Message

FIXTURES = Path(__file__).parent / "fixtures"

Import = Callable[..., Awaitable[list[ImportReport]]]


async def import_into(history: History, *paths: Path, dry_run: bool = False) -> list[ImportReport]:
    return [report async for report in history.import_conversations(read(paths), dry_run=dry_run)]


@pytest.fixture
def importing(history: History) -> Import:
    """Import files, or fixtures by their names; the reports."""

    async def run(*paths: Path | str, dry_run: bool = False) -> list[ImportReport]:
        named = [FIXTURES / path if isinstance(path, str) else path for path in paths]
        return await import_into(history, *named, dry_run=dry_run)

    return run


def conversations(reports: list[ImportReport]) -> list[ConversationReport]:
    return [report for report in reports if isinstance(report, ConversationReport)]


def outcomes(reports: list[ImportReport]) -> list[str]:
    return [report.outcome for report in conversations(reports)]


async def messages(history: History, id: str) -> list[Message]:
    found: list[Message] = []
    while True:
        page = await history.list_messages(id, after=found[-1].seq if found else 0, limit=500)
        found += page.messages
        if not page.more_after:
            return found


async def everything(history: History) -> list[tuple[object, ...]]:
    """All that is stored, but when it was stored."""
    page = await history.list(limit=500, archived=None)
    found: list[tuple[object, ...]] = []
    for conversation in sorted(page.conversations, key=lambda one: one.id):
        found.append((conversation,))
        found += [
            message._replace(created_at=message.created_at.min)
            for message in await messages(history, conversation.id)
        ]
    return found
