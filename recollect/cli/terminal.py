"""What goes to a terminal: stored text that cannot steer it, colours, and tables.

Stored text may hold escape sequences, which a terminal would obey. Whatever is printed for a person
goes through `harmless`; JSON for programs escapes them by itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def harmless(text: str) -> str:
    """Text without controls but tabs and line ends; what turns the direction of writing goes too."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    return " ".join(harmless(text).split())


def styled(code: str, text: str) -> str:
    """`text` with an ANSI style (such as "1" or "2;36"), where stdout is a terminal that wants it."""
    plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text if plain else f"\033[{code}m{text}\033[0m"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: int) -> str:
    """Columns side by side; the flexible one is cut where the terminal is too narrow."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(headings, *cells, strict=True)]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(widths) - 2 * (len(widths) - 1)
        widths[flexible] = max(10, widths[flexible] + min(0, room))
    lines = [styled("1", _line(headings, widths))]
    lines += [_line(row, widths) for row in cells]
    return "\n".join(lines)


def width(text: str) -> int:
    """How many columns a text takes: East Asian characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def counted(count: int, thing: str) -> str:
    """Such as "1 message" and "1,200 messages"."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def day(at: datetime) -> str:
    """A moment in the time zone of the machine, to the minute."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def print_json(value: object) -> None:
    """One JSON value on a line of its own, for programs."""
    print(json.dumps(value, default=_plain))


def confirmed(question: str, yes: bool) -> bool:
    """Whether a person agrees; without a terminal nobody can, and `--yes` has to be given."""
    if yes:
        return True
    if not sys.stdin.isatty():
        print(f"{question}\nNothing was done: there is nobody to ask. Give --yes to agree.", file=sys.stderr)
        return False
    # Within a coroutine the first Ctrl-C would only cancel the task that waits here, at its next await.
    within = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D
        print()
        return False
    finally:
        signal.signal(signal.SIGINT, within)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [_fitted(cell, columns) for cell, columns in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()


def _fitted(text: str, columns: int) -> str:
    if width(text) > columns:
        while width(text) >= columns:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - width(text))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
