"""Exporting a history, and importing what came out into an empty one."""

from __future__ import annotations

from pathlib import Path

from recollect.history.exporting import ExportFormat
from recollect.history.history import History
from recollect.history.importing import read
from recollect.models.imported import ImportReport


async def exported(history: History, format: ExportFormat = "jsonl", id: str | None = None) -> str:
    return "".join([piece async for piece in history.export(format=format, id=id)])


async def taken_in(history: History, path: Path) -> list[ImportReport]:
    return [report async for report in history.import_conversations(read([path]))]
