"""The tool export_conversation. Its definition is short, since all tools share one budget of tokens: each
page says what `after` is for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recollect.history.tokens import estimate
from recollect.mcp_server import render
from recollect.mcp_server.answer import compact_json
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import READS, Definition
from recollect.mcp_server.tools.parameters import ConversationId


async def export_conversation(
    history: History,
    conversation_id: ConversationId,
    format: Annotated[Literal["markdown", "jsonl"] | None, Field(description="jsonl: exact.")] = None,
    after: Annotated[int | None, Field(description="For the next page.")] = None,
) -> str:
    """Write out a whole conversation, to save or share it, in pages."""
    after = 0 if after is None else after
    format = "markdown" if format is None else format
    page = await history.export_page(conversation_id, format=format, after=after, max_chars=render.MAX_CHARS)
    begin = next((begin for begin in (page.begin, *page.brief) if not _exceeds_page(begin)), "")
    if len(begin) < len(page.begin):
        begin += _left_out(len(page.begin) - len(begin), format)
    shown: list[str] = []
    last, tokens, chars = after, estimate(begin), len(begin)
    for place, text in page.items:
        cost, length = estimate(text), len(text)
        if cost > render.MAX_TOKENS or length > render.MAX_CHARS:
            text = _too_large(place, length, format)
            cost, length = estimate(text), len(text)
        tokens, chars = tokens + cost, chars + length
        if shown and (tokens > render.MAX_TOKENS or chars > render.MAX_CHARS):
            break
        shown.append(text)
        last = place
    more = page.more or len(shown) < len(page.items)
    text = begin + "".join(shown) + ("" if more else page.end)
    if format == "markdown":
        return render.exported(conversation_id, text, last if more else None)
    return text + compact_json({"more": {"after": last}}) if more else text


def _exceeds_page(text: str) -> bool:
    return len(text) > render.MAX_CHARS or estimate(text) > render.MAX_TOKENS


def _left_out(chars: int, format: str) -> str:
    """What stands for instructions, or these and metadata, that no page holds."""
    rest = f"{chars} characters of instructions and metadata; `recollect export` has them"
    return f"*({rest})*\n\n" if format == "markdown" else compact_json({"more": {"left_out": rest}}) + "\n"


def _too_large(place: int, chars: int, format: str) -> str:
    """What stands for a message or a summary that no page holds."""
    if place > 0:
        what, whole = {"seq": place}, f"read_message(seq={place}, format=json)"
    else:
        what, whole = {"summary_upto": -place}, "`recollect export`"
    rest = f"{chars} characters; {whole} has them"
    if format == "markdown":
        return f"## {f'#{place}' if place > 0 else f'Summary up to #{-place}'}\n\n*({rest})*\n\n"
    return compact_json({"more": {**what, "left_out": rest}}) + "\n"


DEFINITION = Definition(export_conversation, READS)
