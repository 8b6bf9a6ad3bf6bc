"""`recollect search`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated

import typer

from recollect.cli.terminal import day, harmless, one_line, print_json, styled
from recollect.history.history import History
from recollect.history.incoming import moment
from recollect.history.search_verbs import MAX_HITS, MAX_NEIGHBOURS
from recollect.history.store import Recollect
from recollect.models.message import Role
from recollect.models.search import Neighbour, SearchHit, SearchPage
from recollect.settings import Settings

MARKED = "1;33"
WORDLESS = "(no words)"


def command(
    query: Annotated[
        list[str],
        typer.Argument(help="A question or words; '\"exactly this\"', -without, begin*."),
    ],
    conversation: Annotated[str | None, typer.Option(help="Only in this one, by its id.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Not in this conversation.")] = None,
    role: Annotated[Role | None, typer.Option(help="Only what this role said.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this ISO date or time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this ISO date or time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 10,
    context: Annotated[
        int, typer.Option(min=0, max=MAX_NEIGHBOURS, help="Show so many messages around each.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, for programs.")] = False,
) -> None:
    """Find messages in all your conversations but those in the trash, best first."""
    begin = None if since is None else moment("since", since)
    end = None if until is None else moment("until", until)

    def page(history: History, limit: int, cursor: str | None) -> Awaitable[SearchPage]:
        return history.search(
            " ".join(query),
            conversation_id=conversation,
            exclude=exclude,
            role=role,
            since=begin,
            until=end,
            limit=limit,
            cursor=cursor,
            context=context,
        )

    hits, more = asyncio.run(_found(page, limit))
    if as_json:
        for hit in hits:
            print_json(asdict(hit))
        return
    if not hits:
        print("Nothing was found. Any one word is enough to be found: try others, or fewer filters.")
        return
    print("\n\n".join(map(_shown, hits)))
    if more:
        print(styled("2", "\nThere are more: --limit shows them."))


async def _found(
    page: Callable[[History, int, str | None], Awaitable[SearchPage]], limit: int
) -> tuple[list[SearchHit], bool]:
    """The first `limit` hits, and whether there are more."""
    settings = Settings()
    hits: list[SearchHit] = []
    async with Recollect.open(settings) as store:
        history = store.for_user(settings.user_id)
        cursor: str | None = None
        while True:
            found = await page(history, min(MAX_HITS, limit - len(hits)), cursor)
            hits += found.hits
            cursor = found.next_cursor
            if cursor is None or len(hits) >= limit:
                return hits, cursor is not None


def _shown(hit: SearchHit) -> str:
    title = styled("1", one_line(hit.title or "(untitled)"))
    before = [_neighbour(other) for other in hit.neighbours if other.seq < hit.seq]
    after = [_neighbour(other) for other in hit.neighbours if other.seq > hit.seq]
    heading = f"{title}  {styled('2', one_line(hit.conversation_id))}"
    return "\n".join([heading, *before, f"{_line(hit)}\n{_marked(hit) or WORDLESS}", *after])


def _neighbour(other: Neighbour) -> str:
    return styled("2", f"{_line(other)}\n{one_line(other.text) or WORDLESS}")


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
