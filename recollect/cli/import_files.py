"""`recollect import`."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from recollect.cli.terminal import counted, harmless, one_line, styled, table
from recollect.history.importing import read, total_bytes
from recollect.history.store import Recollect
from recollect.models.as_json import import_fields, totals_fields
from recollect.models.imported import ConversationReport, ImportReport, ImportTotals, Problem, Skipped
from recollect.settings import Settings

SHOWN_ONE_BY_ONE = 20
REDRAW_SECONDS = 0.1


def command(
    files: Annotated[
        list[Path], typer.Argument(help="Files, zips or folders: exports as they were downloaded.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, store nothing.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every conversation, and all that was left out.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON lines, for programs: a report for each conversation.")
    ] = False,
) -> None:
    """Take in conversations of other programs, or of a Recollect export.

    Reads the exports of ChatGPT, Claude, Open WebUI, LibreChat and Gemini (Takeout), the session files
    of Claude Code (~/.claude/projects) and Codex (~/.codex/sessions), and JSON lines of messages. Finds
    out which is which. Importing again adds what is new and changes nothing else; an import that was
    interrupted goes on when it is started again. Ends with exit code 3 if pieces could not be read.
    """
    tally = _Tally(verbose, as_json, dry_run, 0 if as_json else total_bytes(files))
    try:
        asyncio.run(_import(files, dry_run, tally))
    except BaseException:  # Ctrl-C among them
        tally.clear_bar()
        tally.print_stopped()
        raise
    tally.clear_bar()
    tally.print_end()
    if tally.failed:
        raise typer.Exit(3)


async def _import(files: list[Path], dry_run: bool, tally: _Tally) -> None:
    settings = Settings()
    async with Recollect.open(settings) as store:
        history = store.for_user(settings.user_id)
        stream = read(files, tally.count_bytes)
        async for report in history.import_conversations(stream, dry_run=dry_run):
            tally.add(report)


class _Tally:
    """What came so far: counts, a bar on a terminal, and what is worth a line of its own."""

    def __init__(self, verbose: bool, as_json: bool, dry_run: bool, total: int) -> None:
        self._verbose = verbose
        self._as_json = as_json
        self._dry_run = dry_run
        self._total = total
        self._read = 0
        self._bar = not as_json and sys.stderr.isatty()
        self._drawn = 0.0
        self._sources: Counter[str] = Counter()
        self._totals = ImportTotals()
        self._converted: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._first: list[ConversationReport] = []

    @property
    def failed(self) -> bool:
        return self._totals.problems > 0

    def count_bytes(self, count: int) -> None:
        self._read += count

    def add(self, report: ImportReport) -> None:
        if self._as_json:
            print(json.dumps(import_fields(report)))
        self._totals.add(report)
        if isinstance(report, Skipped):
            self._left_out[str(report)] += 1
        elif isinstance(report, Problem):
            self._say(f"could not be read: {report}")
        else:
            self._add_conversation(report)
        self._draw_bar()

    def _add_conversation(self, report: ConversationReport) -> None:
        self._sources[report.source] += 1
        self._converted += report.notes.converted
        self._left_out += report.notes.left_out
        if len(self._first) <= SHOWN_ONE_BY_ONE or self._verbose:
            self._first.append(report)
        for problem in report.notes.problems:
            self._say(f"could not be imported, in {report.conversation_id} ({_title(report)}): {problem}")
        if report.notes.more_problems:
            self._say(f"… and {report.notes.more_problems} more in {report.conversation_id}")

    def print_end(self) -> None:
        if self._as_json:
            print(json.dumps(totals_fields(self._totals, dry_run=self._dry_run)))
            return
        if self._first and (self._verbose or len(self._first) <= SHOWN_ONE_BY_ONE):
            rows = [
                (one.conversation_id, _title(one), one.outcome, f"{one.added} of {one.messages}")
                for one in self._first
            ]
            print(table(("ID", "TITLE", "", "NEW MESSAGES"), rows, flexible=1) + "\n")
        totals, would = self._totals, "Would import" if self._dry_run else "Imported"
        source = f" from {', '.join(self._sources)}" if self._sources else ""
        print(
            f"{would} {counted(totals.added, 'new message')}; {counted(totals.messages, 'message')} in "
            f"{counted(totals.outcomes.total(), 'conversation')} were read{source}."
        )
        for outcome, count in sorted(totals.outcomes.items()):
            print(f"  {outcome:<10} {counted(count, 'conversation'):>20}")
        for heading, notes in (("Converted", self._converted), ("Left out", self._left_out)):
            if notes:
                print(styled("1", f"{heading}:"))
                shown = notes.most_common(None if self._verbose else SHOWN_ONE_BY_ONE)
                for note, count in shown:
                    print(f"  {count:>8,}  {one_line(note)}")
                if len(shown) < len(notes):
                    print(f"  {len(notes) - len(shown):>8,}  more like these; --verbose shows them")
        if totals.problems:
            text = f"{counted(totals.problems, 'piece')} could not be imported, named above."
            print(styled("1;31", text))

    def print_stopped(self) -> None:
        """How far it came, for whoever ended it, or whom an error did."""
        stored = self._totals.outcomes["created"] + self._totals.outcomes["added"]
        if stored and not self._dry_run:
            self._say(
                f"Stopped: {counted(self._totals.added, 'new message')} in {counted(stored, 'conversation')} "
                "are stored. The same import goes on from there."
            )

    def clear_bar(self) -> None:
        if self._bar:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _say(self, line: str) -> None:
        if not self._as_json:
            self.clear_bar()
            print(harmless(line), file=sys.stderr)

    def _draw_bar(self) -> None:
        if not self._bar or time.monotonic() - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = time.monotonic()
        share = min(1.0, self._read / self._total) if self._total else 0.0
        blocks = round(share * 20)
        come = f"{self._totals.outcomes.total():,} conversations, {self._totals.messages:,} messages"
        line = f"[{'#' * blocks}{'.' * (20 - blocks)}] {share:4.0%}  {come}"
        line = line[: shutil.get_terminal_size().columns - 1]
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def _title(report: ConversationReport) -> str:
    return one_line(report.title or "(untitled)")
