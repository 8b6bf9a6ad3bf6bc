"""From paths to conversations: which files there are, which format each has, and its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing import (
    chatgpt,
    claude,
    claude_code,
    codex,
    gemini_takeout,
    librechat,
    open_webui,
    openai_lines,
    own,
)
from recollect.history.importing.decoded import Decoded
from recollect.history.importing.elements import (
    PATIENCE,
    TOO_BROKEN,
    Element,
    NoObject,
    read_array,
    read_lines,
    read_object,
)
from recollect.history.importing.files import READ_ERRORS, SourceFile, files, opened, reason
from recollect.history.importing.format import ImportFormat
from recollect.models.imported import Found, Problem, Skipped

FORMATS: tuple[ImportFormat, ...] = (
    own.FORMAT,
    chatgpt.FORMAT,
    claude.FORMAT,
    claude_code.FORMAT,
    codex.FORMAT,
    open_webui.FORMAT,
    librechat.FORMAT,
    gemini_takeout.FORMAT,
    openai_lines.FORMAT,
)
"""In the order in which they are looked for."""

LOOKED_FOR = ", ".join(format.title for format in FORMATS)

KNOWN_OTHERS = {
    "export_manifest",
    "group_chats",
    "library_files",
    "login_history",
    "manifest",
    "memories",
    "message_feedback",
    "model_comparisons",
    "projects",
    "shared_conversations",
    "shopping",
    "sora",
    "user",
    "user_settings",
    "users",
}
"""Files of exports that hold no conversations, by their names."""

LINES = (".jsonl", ".ndjson")
"""How files of JSON lines are called."""

WENT_ON = ("{", "[", ",", ":")
"""How a line ends that is not the whole of an object."""

FIRST_ELEMENTS = 100
"""Of how many elements the format is looked for."""


def read(paths: Iterable[Path], on_bytes: Callable[[int], None] | None = None) -> Iterator[Found]:
    """The conversations of some files, folders and zips, one after the other.

    on_bytes:  is told how much was read, piece by piece; `total_bytes` says how much there is.

    A conversation has to be iterated to its end before the next is asked for; its messages are read
    meanwhile. What cannot be read comes as a `Problem`, what is no conversation as `Skipped`.
    """
    for path in paths:
        yield from _read_files(files(path), on_bytes)


def read_opened(file: IO[bytes], name: str) -> Iterator[Found]:
    """The conversations of one file or zip that is open, as `read` gives them.

    name:  what it is called in reports; in some formats the conversation's only name.
    """
    yield from _read_files(opened(file, name), None)


def _read_files(
    found: Iterator[SourceFile | Problem | Skipped], on_bytes: Callable[[int], None] | None
) -> Iterator[Found]:
    for file in found:
        if not isinstance(file, SourceFile):
            yield file
        elif file.stem in KNOWN_OTHERS and not file.alone:
            yield Skipped(file.name, "holds no conversations")
        else:
            yield from _read_file(file, on_bytes)


def _read_file(file: SourceFile, on_bytes: Callable[[int], None] | None) -> Iterator[Found]:
    try:
        with file.open() as opened:
            yield from _read_text(file, Decoded(opened, on_bytes))
    except READ_ERRORS as error:
        yield Problem(file.name, f"cannot be read further: {reason(error)}")


def _read_text(file: SourceFile, text: Decoded) -> Iterator[Found]:
    begun = text.peek().lstrip()
    if not begun:
        yield Skipped(file.name, "is empty")
        return
    if begun[0] == "[":
        elements = read_array(text, file.name, is_known)
    elif begun[0] != "{":
        yield _unknown(file, "it begins like neither JSON nor JSON lines")
        return
    elif _is_lines(begun, file.name):
        elements = read_lines(text, file.name)
    else:
        elements = read_object(text, file.name)
    first: list[Element | Problem] = []
    for element in elements:
        first.append(element)
        format = None if isinstance(element, Problem) else format_of(element.value)
        if format is not None:
            yield from _patiently(format.read(_chain(first, elements), file.stem), file.name)
            return
        if len(first) == FIRST_ELEMENTS:
            break
    # A list of words is no export that lost its conversations, but another program's file.
    problems = [
        element for element in first if isinstance(element, Problem) and not isinstance(element, NoObject)
    ]
    yield from problems
    if not problems or len(problems) < len(first):
        yield _unknown(file, "none of its objects has the fields of a format")


def _patiently(found: Iterator[Found], name: str) -> Iterator[Found]:
    """Not more of a file than a report can tell of: it may be made of nothing but broken pieces."""
    patience = PATIENCE
    for one in found:
        yield one
        patience -= isinstance(one, Problem)
        if not patience:
            yield Problem(name, TOO_BROKEN)
            return


def _chain(first: list[Element | Problem], rest: Iterator[Element | Problem]) -> Iterator[Element | Problem]:
    yield from first
    yield from rest


def format_of(value: JsonObject) -> ImportFormat | None:
    """The format that an object of a file belongs to."""
    return next((format for format in FORMATS if format.matches(value)), None)


def is_known(value: JsonObject) -> bool:
    return format_of(value) is not None


def _is_lines(begun: str, name: str) -> bool:
    """Whether objects stand on lines of their own: after the first line comes another object, or there
    is one line as far as one sees. What is called JSON lines may also begin with a line that is broken."""
    first, _, rest = begun.partition("\n")
    first, rest = first.rstrip(), rest.lstrip()
    if not rest:
        return True
    whole = first.endswith("}") or (name.lower().endswith(LINES) and not first.endswith(WENT_ON))
    return whole and rest[0] == "{"


def _unknown(file: SourceFile, why: str) -> Problem | Skipped:
    if not file.alone:
        return Skipped(file.name, f"is of no known format: {why}")
    return Problem(file.name, f"is of no known format: {why}. Looked for: {LOOKED_FOR}")
