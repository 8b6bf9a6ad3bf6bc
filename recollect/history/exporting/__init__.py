"""Conversations on their way out, one module for each format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from recollect.history.exporting.document import JsonDocument, JsonLines
from recollect.history.exporting.html_page import HtmlPage
from recollect.history.exporting.markdown import Markdown
from recollect.history.exporting.provider import Provider
from recollect.history.exporting.writer import Writer

ExportFormat = Literal["jsonl", "json", "markdown", "html", "openai", "anthropic"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

WRITERS: dict[ExportFormat, Callable[[], Writer]] = {
    "jsonl": JsonLines,
    "json": JsonDocument,
    "markdown": Markdown,
    "html": HtmlPage,
    "openai": lambda: Provider("openai"),
    "anthropic": lambda: Provider("anthropic"),
}

EVERYTHING: tuple[ExportFormat, ...] = ("jsonl", "json")
"""Formats that hold what is in the trash too; the others are for reading and for other programs."""
