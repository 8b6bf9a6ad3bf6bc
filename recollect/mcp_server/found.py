"""What a model reads of a search: hits in their order, fenced as data like all stored words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from recollect.history.formats import text
from recollect.history.tokens import estimate
from recollect.mcp_server import render
from recollect.models.message import Message
from recollect.models.search import Neighbour, SearchHit, SearchPage

NOTHING = (
    "Nothing was found. Any one word is enough to be found, so try other words, a name, the beginning of a "
    "word (begin*), or fewer filters; list_conversations shows what there is."
)

WORDLESS = "→ (no words)"
"""Stands for a message without any, such as one of calls alone: the question before it was found."""

MAX_TOKENS = render.MAX_TOKENS - 2_000
"""Words in bold cost more than the estimate says of them."""


def page(page: SearchPage, conversation_id: str | None = None) -> str:
    """Hits, best first; those that follow each other in one conversation stand in one fence. A message that
    is next to several hits, or a hit itself, is shown once. conversation_id: the one that was searched."""
    if not page.hits:
        return NOTHING if conversation_id is None else NOTHING + _only(conversation_id)
    shown = {(hit.conversation_id, hit.seq) for hit in page.hits}
    blocks: list[str] = []
    for _, group in groupby(page.hits, key=lambda hit: hit.conversation_id):
        hits = list(group)
        lines: list[str] = []
        for hit in hits:
            new = [other for other in hit.neighbours if (hit.conversation_id, other.seq) not in shown]
            shown.update((hit.conversation_id, other.seq) for other in new)
            lines.append(_hit(hit, new))
        blocks.append(_fenced(hits[0], "\n".join(lines)))
    steps = (
        "list_messages(conversation_id, around=seq) shows what was said around a hit, read_message all of it."
    )
    if page.next_cursor is not None:
        steps += f' More hits: cursor="{page.next_cursor}", same query and filters.'
    return "\n".join([render.NOTICE, *blocks, steps])


def _only(conversation_id: str) -> str:
    """An id that was mistyped finds nothing either."""
    id = render.attribute(conversation_id)
    return f" Only conversation_id={id} was searched: is it right, and the conversation not in the trash?"


def how_many_fit(page: SearchPage) -> int:
    """How many of the hits one answer holds; at least one."""
    tokens = chars = 0
    for count, hit in enumerate(page.hits):
        block = _fenced(hit, _hit(hit, hit.neighbours))
        tokens += estimate(block)
        chars += len(block)
        if count and (tokens > MAX_TOKENS or chars > render.MAX_CHARS - 2_000):
            return count
    return len(page.hits)


def _fenced(hit: SearchHit, body: str) -> str:
    title = "" if hit.title is None else f" title={render.attribute(hit.title[: render.MAX_TITLE_CHARS])}"
    return text.fenced(f"id={render.attribute(hit.conversation_id)}{title}", body)


def _hit(hit: SearchHit, neighbours: Sequence[Neighbour]) -> str:
    """A hit with its marked words in bold, among those of its neighbours that are to be shown."""
    shown = text.header(_message(hit, hit.parent_seq))
    if hit.neighbours:
        shown = f"{shown[:-1]} found]"
    before = [_neighbour(other) for other in neighbours if other.seq < hit.seq]
    after = [_neighbour(other) for other in neighbours if other.seq > hit.seq]
    return "\n".join([*before, f"{shown}\n{text.quoted(_bold(hit)) or WORDLESS}", *after])


def _neighbour(other: Neighbour) -> str:
    return f"{text.header(_message(other, other.seq - 1))}\n{text.quoted(other.text) or WORDLESS}"


def _message(shown: SearchHit | Neighbour, parent_seq: int) -> Message:
    return Message(shown.seq, parent_seq, shown.role, shown.author, "", None, 0, None, None, shown.at, None)


def _bold(hit: SearchHit) -> str:
    words, end = "", 0
    for begin, stop in hit.marks:
        words += f"{hit.snippet[end:begin]}**{hit.snippet[begin:stop]}**"
        end = stop
    return words + hit.snippet[end:]
