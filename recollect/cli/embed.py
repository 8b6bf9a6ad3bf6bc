"""`recollect embed`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from recollect.cli.terminal import counted, print_json
from recollect.history.store import Recollect
from recollect.settings import Settings


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Give all messages that lack one an embedding, and wait for it.

    Needs RECOLLECT_EMBEDDINGS_URL and RECOLLECT_EMBEDDINGS_MODEL, and sends the text of these messages
    there. New messages get theirs by themselves, and older ones when their user comes back; this is
    for who wants it done at once, such as after an import. When it is stopped it can be started again.
    """
    settings = Settings()
    made = asyncio.run(_embed(settings))
    if as_json:
        print_json({"embedded": made})
    else:
        print(f"Embedded {counted(made, 'message')}.")


async def _embed(settings: Settings) -> int:
    async with Recollect.open(settings) as store:
        return await store.embed(settings.user_id)
