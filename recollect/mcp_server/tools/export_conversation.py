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
    shown: list[str] = []
    last, tokens, chars = after, estimate(page.begin), len(page.begin)
    for seq, text in page.messages:
        cost, length = estimate(text), len(text)
        if cost > render.MAX_TOKENS or length > render.MAX_CHARS:
            text = _too_large(seq, length, format)
            cost, length = estimate(text), len(text)
        tokens, chars = tokens + cost, chars + length
        if shown and (tokens > render.MAX_TOKENS or chars > render.MAX_CHARS):
            break
        shown.append(text)
        last = seq
    more = page.more or len(shown) < len(page.messages)
    text = page.begin + "".join(shown) + ("" if more else page.end)
    if format == "markdown":
        return render.exported(conversation_id, text, last if more else None)
    return text + compact_json({"more": {"after": last}}) if more else text


def _too_large(seq: int, chars: int, format: str) -> str:
    """What stands for a message that no page holds."""
    rest = f"{chars} characters; read_message(seq={seq}, format=json) has them"
    if format == "markdown":
        return f"## #{seq}\n\n*({rest})*\n\n"
    return compact_json({"more": {"seq": seq, "left_out": rest}}) + "\n"


DEFINITION = Definition(export_conversation, READS)
