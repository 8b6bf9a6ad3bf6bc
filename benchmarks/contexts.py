"""The context of 8,000 tokens: what it costs at any length, beside one SELECT of the same rows."""

from __future__ import annotations

from functools import partial

from benchmarks.baseline import Baseline
from benchmarks.report import Row
from benchmarks.rounds import Extent, Timing, Work, take_turns
from benchmarks.storage import TEXT, fill
from recollect.history.history import History

LENGTHS = (100, 1_000, 10_000, 100_000)
"""Messages in a conversation."""

MAX_TOKENS = 8_000
SELECT_BOUND = 2.0
GROWTH_BOUND = 1.15


async def measure_contexts(history: History, baseline: Baseline, extent: Extent) -> list[Row]:
    """Every length in turn. What a window shows depends on where its anchor lies, so each is compared
    with a SELECT of as many rows as it shows itself, and growth with windows of the same messages."""
    tokens = (await history.list_messages(await fill(history, 1))).messages[0].token_count
    ids: dict[int, str] = {}
    contenders: list[tuple[Timing, Work]] = []
    ours = {length: Timing() for length in LENGTHS}
    as_openai = Timing()
    theirs = {length: Timing() for length in LENGTHS}
    for length in LENGTHS:
        ids[length] = id = await fill(history, length)
        await baseline.fill(id, length, TEXT, tokens)
        shown = await history.context(id, max_tokens=MAX_TOKENS)
        count = shown.last_seq - shown.first_seq + 1
        contenders.append((ours[length], partial(history.context, id, max_tokens=MAX_TOKENS)))
        contenders.append((theirs[length], partial(baseline.last, id, count)))
    long = ids[LENGTHS[-1]]
    contenders.append((as_openai, partial(history.context, long, max_tokens=MAX_TOKENS, format="openai")))
    await baseline.settle()
    for _ in extent.count(extent.rounds):
        await take_turns(contenders, extent.calls)
    rows = [
        Row(
            f"context of 8,000 tokens of {length:,} messages",
            "one SELECT of its rows",
            ours[length],
            theirs[length],
            SELECT_BOUND,
        )
        for length in LENGTHS
    ]
    longest = LENGTHS[-1]
    what = f"context of 8,000 tokens of {longest:,}, as OpenAI's messages"
    rows.append(Row(what, "one SELECT of its rows", as_openai, theirs[longest], None))
    rows += [
        Row(
            f"context of 8,000 tokens of {length:,}",
            f"of {LENGTHS[0]:,}",
            ours[length],
            ours[LENGTHS[0]],
            GROWTH_BOUND,
        )
        for length in LENGTHS[1:]
    ]
    return rows
