"""The verbs of a user's history against bare asyncpg: append one message, load the last ones."""

from __future__ import annotations

from functools import partial

from benchmarks.baseline import Baseline
from benchmarks.report import Row
from benchmarks.rounds import Extent, Timing, Work, take_turns
from recollect.history.history import History
from recollect.models.message import NewMessage

SIZES = (10, 1_000, 10_000)
"""Messages in a conversation."""

SMALL, LARGE = SIZES[0], SIZES[-1]

TEXT = (
    "The ferry leaves at ten past six, so we would have to be at the quay by half past five. If that is "
    "too early, there is another one at 9:40, which takes the longer way round the island; on a clear day "
    "you see the lighthouse from it. I have asked the guest house to keep the room with the balcony until "
    "Thursday. Shall I book two seats on the early boat (€38 each), or do you want to sleep in and take "
    "the other? Either way, bring something warm: even in June it is windy out there, and the café on deck "
    "opens late."
)
"""Every message that is measured: about 500 bytes of English."""

BATCH = 500

APPEND_BOUND = 1.2
LOAD_BOUND = 1.5
GROWTH_BOUND = 1.1


async def fill(history: History, size: int) -> str:
    """A new conversation of `size` messages; gives its id."""
    id = (await history.create()).id
    for begin in range(0, size, BATCH):
        await history.append(id, [NewMessage("user", TEXT)] * min(BATCH, size - begin))
    return id


async def measure_appends(history: History, baseline: Baseline, extent: Extent) -> list[Row]:
    """Append one message. Every round begins with new conversations of the sizes they stand for."""
    ours = {size: Timing() for size in SIZES}
    theirs = {size: Timing() for size in SIZES}
    at_once = Timing()
    message = NewMessage("user", TEXT)
    tokens = await _token_count(history)
    for _ in extent.count(extent.rounds):
        contenders: list[tuple[Timing, Work]] = []
        for size in SIZES:
            id = await fill(history, size)
            await baseline.fill(id, size, TEXT, tokens)
            contenders.append((ours[size], partial(history.append, id, message)))
            contenders.append((theirs[size], partial(baseline.append, id, TEXT, tokens)))
            if size == LARGE:
                contenders.append((at_once, partial(baseline.append_at_once, id, TEXT, tokens)))
        await baseline.settle()
        await take_turns(contenders, extent.calls)
    base = "BEGIN, UPDATE, INSERT, COMMIT"
    rows = [
        Row(f"append one message to {size:,}", base, ours[size], theirs[size], APPEND_BOUND) for size in SIZES
    ]
    rows.append(Row(f"append to {LARGE:,}", f"append to {SMALL:,}", ours[LARGE], ours[SMALL], GROWTH_BOUND))
    rows.append(
        Row(f"append to {LARGE:,}, by one statement", "one statement", ours[LARGE], at_once, APPEND_BOUND)
    )
    return rows


async def measure_loads(history: History, baseline: Baseline, extent: Extent) -> list[Row]:
    """Load the last 50 messages, and, for what growth costs, as many as the smallest conversation has."""
    tokens = await _token_count(history)
    ids: dict[int, str] = {}
    for size in SIZES:
        ids[size] = await fill(history, size)
        await baseline.fill(ids[size], size, TEXT, tokens)
    await baseline.settle()
    ours = {(size, count): Timing() for size in SIZES for count in (50, SMALL)}
    theirs = {size: Timing() for size in SIZES}
    contenders: list[tuple[Timing, Work]] = []
    for size, id in ids.items():
        contenders.append((ours[size, 50], partial(history.list_messages, id, limit=50)))
        contenders.append((theirs[size], partial(baseline.last, id, 50)))
        contenders.append((ours[size, SMALL], partial(history.list_messages, id, limit=SMALL)))
    for _ in extent.count(extent.rounds):
        await take_turns(contenders, extent.calls)
    rows: list[Row] = []
    for size in SIZES:
        what = f"load the last {min(50, size)} of {size:,}"
        rows.append(Row(what, "one SELECT", ours[size, 50], theirs[size], LOAD_BOUND))
    what = f"load the last {SMALL} of {LARGE:,}"
    rows.append(Row(what, f"of {SMALL:,}", ours[LARGE, SMALL], ours[SMALL, SMALL], GROWTH_BOUND))
    return rows


async def _token_count(history: History) -> int:
    return (await history.list_messages(await fill(history, 1))).messages[0].token_count
