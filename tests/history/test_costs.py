"""What a verb costs, in round trips and in pages read. Counts, never times: they are the same on
every machine."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

import pytest

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import HeadMoved
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.conftest import cloned_database, run_sql
from tests.history.meter import Meter, Read, metered
from tests.tcp_proxy import tcp_proxy

HELLO = NewMessage("user", "hello")

Verb = Callable[[History], Awaitable[object]]


async def _moved(history: History) -> None:
    with pytest.raises(HeadMoved):
        await history.append("talk", HELLO, expected_head=0)


async def _again(history: History) -> None:
    await history.context("talk", receipt=(await history.context("talk")).receipt)


def _keyed(history: History) -> Awaitable[object]:
    return history.append("talk", HELLO, key=uuid.uuid4().hex)


ROUND_TRIPS: dict[str, tuple[int, Verb]] = {
    "append": (1, lambda history: history.append("talk", HELLO)),
    "append of 500": (1, lambda history: history.append("talk", [HELLO] * 500)),
    "append with a key": (1, _keyed),
    "append again with its key": (1, lambda history: history.append("talk", HELLO, key="again")),
    "append to a moved head, and what was added": (2, _moved),
    "append after a message": (1, lambda history: history.append("talk", HELLO, after_seq=1)),
    "open_turn that begins": (1, lambda history: history.open_turn(HELLO, key=uuid.uuid4().hex)),
    "open_turn that goes on": (
        1,
        lambda history: history.open_turn(HELLO, key=uuid.uuid4().hex, id="talk", known_head=0),
    ),
    "open_turn again with its key": (1, lambda history: history.open_turn(HELLO, key="again")),
    "list_messages": (1, lambda history: history.list_messages("talk")),
    "read_message": (1, lambda history: history.read_message("talk", 1)),
    "context": (1, lambda history: history.context("talk")),
    "context as of a message": (1, lambda history: history.context("talk", upto_seq=1)),
    "context, and again by its receipt": (2, _again),
    "branches": (5, lambda history: history.branches("forked")),
    "branches of a linear conversation": (4, lambda history: history.branches("talk")),
    "switch_head": (3, lambda history: history.switch_head("talk", 1)),
    "fork": (5, lambda history: history.fork("forked")),
    "save_summary": (6, lambda history: history.save_summary("talk", 1, uuid.uuid4().hex)),
    "list_summaries": (3, lambda history: history.list_summaries("forked")),
    "get": (3, lambda history: history.get("talk")),
    "list": (3, lambda history: history.list()),
    "create": (3, lambda history: history.create()),
    "update": (3, lambda history: history.update("talk", pinned=True)),
    "delete": (3, lambda history: history.delete("other")),
    "restore": (3, lambda history: history.restore("other")),
}
"""Messages to the server and back. What runs in a transaction costs two more than its statement."""


@pytest.mark.parametrize("name", ROUND_TRIPS)
async def test_a_verb_costs_so_many_round_trips(settings: Settings, name: str) -> None:
    expected, verb = ROUND_TRIPS[name]
    assert settings.database_url is not None
    async with tcp_proxy(settings.database_url.get_secret_value()) as proxy:
        through = Settings.model_validate({"database_url": proxy.url})
        async with Recollect.open(through) as store:
            history = store.for_user("alice")
            await history.create(id="talk")
            await history.create(id="other")
            await history.append("talk", HELLO, key="again")
            await history.create(id="forked")
            for _ in range(2):
                await history.append("forked", HELLO, after_seq=0)
            await history.save_summary("forked", 1, "x")
            await verb(history)  # connects, and prepares its statement
            proxy.round_trips = 0
            for _ in range(3):
                await verb(history)
            assert proxy.round_trips == 3 * expected


# Autovacuum would read too. Alice has short and long conversations of messages of 300 tokens; 50
# others have 1,000 messages each, and one has many conversations.
FILL = (
    "ALTER TABLE recollect.conversation SET (autovacuum_enabled = false)",
    "ALTER TABLE recollect.message SET (autovacuum_enabled = false)",
    """INSERT INTO recollect.conversation (user_id, id, last_seq, head_seq, message_count)
    SELECT who, id, size, size, size FROM (
        VALUES ('alice', 'short', 10), ('alice', 'long', 5000),
               ('alice', 'short, written to', 10), ('alice', 'long, written to', 5000)
    ) AS hers (who, id, size)
    UNION ALL SELECT 'other-' || n, 'talk', 1000, 1000, 1000 FROM generate_series(1, 50) AS n
    UNION ALL SELECT 'collector', 'talk-' || n, 0, 0, 0 FROM generate_series(1, 3000) AS n""",
    """INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text)
    SELECT user_id, id, seq, seq - 1, 300, 'user',
           CASE user_id WHEN 'alice' THEN repeat('word ', 240) ELSE 'hello' END
    FROM recollect.conversation, generate_series(1, last_seq) AS seq""",
)


@pytest.fixture(scope="module", params=["with statistics", "without statistics"])
def filled_url(request: pytest.FixtureRequest, cluster: str, template: str) -> Generator[str]:
    """A database with much of everything. Right after a lot was written, statistics are missing."""
    with cloned_database(cluster, template) as url:
        run_sql(url, *FILL)
        if request.param == "with statistics":
            run_sql(url, "VACUUM (ANALYZE) recollect.conversation, recollect.message")
        yield url


@pytest.fixture
async def meter(filled_url: str) -> AsyncGenerator[Meter]:
    async with metered(filled_url) as meter:
        yield meter


SORTING_IN = 200
"""Pages that are read when 256 kB of pending words are sorted into the search index."""

DEEPER = 4
"""Pages more for indexes of a level more, and for rows that lie across one more page."""

READS: dict[str, Callable[[History, str], Awaitable[object]]] = {
    "list_messages": lambda history, id: history.list_messages(id, limit=10),
    "list_messages before": lambda history, id: history.list_messages(id, before=10, limit=5),
    "list_messages after": lambda history, id: history.list_messages(id, after=2, limit=5),
    "read_message": lambda history, id: history.read_message(id, 5),
    "context": lambda history, id: history.context(id, max_tokens=2_000),
    "get": lambda history, id: history.get(id),
}

WRITES: dict[str, Callable[[History, str], Awaitable[object]]] = {
    "append": lambda history, id: history.append(id, HELLO),
    "append with a key": lambda history, id: history.append(id, HELLO, key=uuid.uuid4().hex),
    "append to a known head": lambda history, id: _append_to_head(history, id),
    "update": lambda history, id: history.update(id, pinned=True),
    "delete": lambda history, id: history.delete(id),
    "restore": lambda history, id: history.restore(id),
}


async def _append_to_head(history: History, id: str) -> None:
    await history.append(id, HELLO, expected_head=(await history.get(id)).head_seq)


@pytest.mark.parametrize("name", [*READS, *WRITES])
async def test_a_verb_reads_as_much_of_10_messages_as_of_5000(meter: Meter, name: str) -> None:
    verb, alice = (READS | WRITES)[name], meter.of("alice")
    kind = "" if name in READS else ", written to"
    reads: list[Read] = []
    for id in (f"short{kind}", f"long{kind}"):
        await verb(alice, id)
        # A write now and then meets a full page; the smallest of a few is the ordinary one.
        reads.append(min([await meter.read_by(lambda id=id: verb(alice, id)) for _ in range(6)]))
    short, long = reads
    assert long.rows == short.rows <= 11
    assert abs(long.pages - short.pages) <= DEEPER


async def test_the_last_50_of_5000_messages_are_51_rows(meter: Meter) -> None:
    """The messages, and the conversation."""
    read = await meter.read_by(lambda: meter.of("alice").list_messages("long", limit=50))
    assert read.rows == 51


async def test_a_context_reads_about_what_it_shows(meter: Meter) -> None:
    """PL/pgSQL reads ahead: 10 rows first, then 50 at a time."""
    for max_tokens, most in ((2_000, 1 + 10), (10_000, 1 + 10 + 50)):
        read = await meter.read_by(lambda most=max_tokens: meter.of("alice").context("long", max_tokens=most))
        assert read.rows <= most


async def test_who_was_away_for_long_is_told_what_was_added_for_as_much_memory(meter: Meter) -> None:
    peaks: list[int] = []
    for known in (4_900, 4_900, 0):  # the first prepares its statements
        tracemalloc.start()
        try:
            with pytest.raises(HeadMoved, match=f"grew from {known} to 5000") as raised:
                await meter.of("alice").append("long", HELLO, expected_head=known)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert [message.seq for message in raised.value.added] == [*range(known + 1, known + 21)]
    assert peaks[2] < peaks[1] + 100_000


async def test_a_list_reads_no_more_conversations_than_it_shows(meter: Meter) -> None:
    collector = meter.of("collector")
    first = await collector.list(limit=20)
    for cursor in (None, first.next_cursor):
        read = await meter.read_by(lambda cursor=cursor: collector.list(limit=20, cursor=cursor))
        assert read.rows == 21


async def test_an_append_reads_as_much_after_500_appends_as_at_the_start(meter: Meter) -> None:
    """Each append writes a new version of the conversation's row; nothing may pile up."""
    writer = meter.of(f"writer-{uuid.uuid4().hex}")
    await writer.create(id="talk")
    costs = [await meter.read_by(lambda: writer.append("talk", HELLO)) for _ in range(500)]
    assert {cost.rows for cost in costs} == {2}
    first, last = costs[:100], costs[-100:]
    # Now and then an append sorts what is pending in the search index into it.
    assert sum(cost.pages for cost in last) <= sum(cost.pages for cost in first) + len(last) + SORTING_IN
