"""The operation that takes in exports of other programs, and our own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, aclosing, contextmanager
from typing import IO, Annotated

from fastapi import Query, Request
from starlette.exceptions import HTTPException

from recollect.api import problems
from recollect.api.conversations import ALL
from recollect.api.exports import LINES, ZIP
from recollect.api.operation import Operation
from recollect.api.parameters import Mine
from recollect.api.route import Door
from recollect.api.streamed import PIECE_BYTES, Streamed, begun
from recollect.history.history import History
from recollect.history.importing import read_opened
from recollect.identity.authorization import bearer_token
from recollect.identity.caller import WRITE
from recollect.models.as_json import compact_json, import_fields, totals_fields
from recollect.models.errors import InvalidArgument, RecollectError, Unavailable
from recollect.models.imported import ConversationReport, ImportTotals, Notes

TYPES = ("application/octet-stream", ZIP, "application/json", LINES)


async def import_conversations(
    request: Request,
    history: Mine,
    filename: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            description="The file's name, for the reports; it also tells conversations apart in the formats "
            "that give them no ids.",
            examples=["conversations.json"],
        ),
    ] = "import",
    dry_run: Annotated[
        bool, Query(description="true: store nothing; the reports say what would happen.")
    ] = False,
) -> Streamed:
    """Take in the export of another program, or one of our own: the body is the file as it was
    downloaded. Its format is found out. Importing again adds what is new and changes nothing else, so
    whatever broke off can be sent again. The answer begins when the file is here, and is a line of JSON
    for each conversation as soon as it is stored (`conversation`), for what could not be read (`problem`)
    and what holds no conversations (`skipped`); the last line is the `summary`, or an `error`, which is a
    problem of this API, after which nothing more was stored."""
    door: Door = request.app.state.door
    lines = _imported(request, door, history, filename, dry_run)
    return Streamed(await begun(lines), media_type=LINES)


async def _imported(
    request: Request, door: Door, history: History, filename: str, dry_run: bool
) -> AsyncGenerator[bytes]:
    """Nothing once the file is here, then the lines of the answer."""
    with door.imports.admit(history.user_id), _spooled() as file:
        await _receive(request, file, door.max_import)
        await door.authenticator.confirm(bearer_token(request.headers))
        yield b""
        totals = ImportTotals()
        try:
            stream = read_opened(file, filename)
            async with aclosing(history.import_conversations(stream, dry_run=dry_run)) as reports:
                async for report in reports:
                    totals.add(report)
                    yield _line(import_fields(report))
        except RecollectError as error:
            yield _line({"error": problems.of_broken_off(error)})
        else:
            yield _line(totals_fields(totals, dry_run=dry_run))


@contextmanager
def _spooled() -> Generator[IO[bytes]]:
    """A file without a name, which is gone with the process: a zip is read from its end.

    Raises: Unavailable.
    """
    with ExitStack() as opened:
        try:
            file = opened.enter_context(tempfile.TemporaryFile())
        except OSError as error:
            raise Unavailable("This server has no place to keep a file while it imports it.") from error
        yield file


async def _receive(request: Request, file: IO[bytes], limit: int) -> None:
    """Write the body to a file. Raises: HTTPException, InvalidArgument (empty), Unavailable (no room)."""
    waiting = bytearray()
    size = 0
    try:
        async for chunk in _chunks(request, limit):
            waiting += chunk
            size += len(chunk)
            if len(waiting) >= PIECE_BYTES:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(_finish, file, bytes(waiting))
    except OSError as error:
        raise Unavailable("This server has no room to keep the file while it imports it.") from error
    if not size:
        raise InvalidArgument("body", "is empty; send the export's file")


def _finish(file: IO[bytes], rest: bytes) -> None:
    file.write(rest)
    file.flush()


async def _chunks(request: Request, limit: int) -> AsyncGenerator[bytes]:
    """The body as it comes. Raises: HTTPException for one of another type, or that is too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        raise HTTPException(415, f"The body is a file: send Content-Type: {TYPES[0]}")
    too_large = HTTPException(413, f"An import may have {limit} bytes; send the archive's files one by one")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_large
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        yield chunk


def _line(value: object) -> bytes:
    return compact_json(value).encode() + b"\n"


def _example() -> str:
    report = ConversationReport(
        "chatgpt", "6a1d0c2e", "c_7h2k9m4p1q3rx", "Trip to Porto", "created", 12, 12, Notes()
    )
    totals = ImportTotals()
    totals.add(report)
    return (_line(import_fields(report)) + _line(totals_fields(totals, dry_run=False))).decode()


OPERATIONS = (
    Operation(
        "POST",
        ALL.replace("/conversations", "/import"),
        import_conversations,
        (WRITE,),
        LINES,
        takes=TYPES,
        example=_example(),
    ),
)
