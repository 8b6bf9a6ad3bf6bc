"""`recollect search`."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from recollect.cli.terminal import day, harmless, one_line, print_json, styled
from recollect.history.incoming import moment
from recollect.history.search_verbs import MAX_HITS, MAX_NEIGHBOURS
from recollect.history.store import Recollect
from recollect.models.message import Role
from recollect.models.search import Neighbour, SearchHit, SearchPage
from recollect.settings import Settings

MARKED = "1;33"


def command(
    query: Annotated[
        list[str],
        typer.Argument(help="A question or words; '\"exactly this\"', -without (after --), begin*."),
    ],
    conversation: Annotated[str | None, typer.Option(help="Only in this one, by its id.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Not in this conversation.")] = None,
    role: Annotated[Role | None, typer.Option(help="Only what this role said.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this ISO date or time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this ISO date or time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_HITS, help="At most so many.")] = 10,
    context: Annotated[
        int, typer.Option(min=0, max=MAX_NEIGHBOURS, help="Show so many messages around each.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, for programs.")] = False,
) -> None:
    """Find messages in all your conversations but those in the trash, best first."""
    found = asyncio.run(
        _found(
            " ".join(query),
            conversation,
            exclude,
            role,
            None if since is None else moment("since", since),
            None if until is None else moment("until", until),
            limit,
            context,
        )
    )
    if as_json:
        for hit in found.hits:
            print_json(asdict(hit))
        return
    if not found.hits:
        print("Nothing was found. Any one word is enough to be found: try others, or fewer filters.")
        return
    print("\n\n".join(map(_shown, found.hits)))
    if found.next_cursor is not None:
        print(styled("2", "\nThere are more: --limit shows them."))


async def _found(
    query: str,
    conversation: str | None,
    exclude: str | None,
    role: Role | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    context: int,
) -> SearchPage:
    settings = Settings()
    async with Recollect.open(settings) as store:
        return await store.for_user(settings.user_id).search(
            query,
            conversation_id=conversation,
            exclude=exclude,
            role=role,
            since=since,
            until=until,
            limit=limit,
            context=context,
        )


def _shown(hit: SearchHit) -> str:
    title = styled("1", one_line(hit.title or "(untitled)"))
    before = [_neighbour(other) for other in hit.neighbours if other.seq < hit.seq]
    after = [_neighbour(other) for other in hit.neighbours if other.seq > hit.seq]
    heading = f"{title}  {styled('2', one_line(hit.conversation_id))}"
    return "\n".join([heading, *before, f"{_line(hit)}\n{_marked(hit)}", *after])


def _neighbour(other: Neighbour) -> str:
    return styled("2", f"{_line(other)}\n{one_line(other.text)}")


def _line(message: SearchHit | Neighbour) -> str:
    author = "" if message.author is None else f" ({one_line(message.author)})"
    return f"#{message.seq} {message.role}{author}  {day(message.at)}"


def _marked(hit: SearchHit) -> str:
    """The snippet on one line, with the words that were looked for marked."""
    shown, end = "", 0
    for begin, stop in hit.marks:
        shown += _in_line(hit.snippet[end:begin]) + styled(MARKED, _in_line(hit.snippet[begin:stop]))
        end = stop
    return shown + _in_line(hit.snippet[end:])


def _in_line(piece: str) -> str:
    return re.sub(r"\s+", " ", harmless(piece))
