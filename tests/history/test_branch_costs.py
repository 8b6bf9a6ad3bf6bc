"""What branches cost: of 10,000 messages and 500 branches as many rows are read as are shown."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

import asyncpg
import pytest

from recollect.db.sql import load
from recollect.db.target import parse_url
from recollect.models.message import NewMessage
from tests.conftest import cloned_database, run_sql
from tests.history.meter import Meter, Read, metered

PAGE = 8_192
HELLO = NewMessage("user", "hello")

# Messages of 300 tokens. `nested`: every twentieth is another answer to what was said three before,
# so that the path to the head goes through 500 branches. `wide`: 500 ways to go on after message 100,
# ten messages each; the first goes on to the head. `linear`: as many messages without a branch.
# Alice reads hers, and the writer has the same.
FILL = (
    "ALTER TABLE recollect.conversation SET (autovacuum_enabled = false)",
    "ALTER TABLE recollect.message SET (autovacuum_enabled = false)",
    """INSERT INTO recollect.conversation
        (user_id, id, last_seq, head_seq, message_count, linear, head_tokens)
    SELECT who, id, 10000, 10000, 10000, id = 'linear', 300 * place
    FROM (VALUES ('alice'), ('writer')) AS person (who),
         (VALUES ('nested', 9000), ('wide', 5010), ('linear', 10000)) AS shape (id, place)""",
    "INSERT INTO recollect.conversation (user_id, id) SELECT 'bob', n FROM generate_series(1, 2000) AS n",
    """INSERT INTO recollect.message
        (user_id, conversation_id, seq, parent_seq, token_count, path_tokens, role, text)
    SELECT who, id, seq, parent, 300, 300 * place, 'user', words
    FROM (VALUES ('alice', repeat('word ', 240)), ('writer', 'hello')) AS person (who, words), (
        SELECT 'nested' AS id, seq, CASE WHEN seq % 20 = 0 THEN seq - 3 ELSE seq - 1 END AS parent,
               seq - 2 * (seq / 20) AS place
        FROM generate_series(1, 10000) AS seq
        UNION ALL
        SELECT 'wide', seq,
               CASE WHEN seq BETWEEN 101 AND 5100 AND seq % 10 = 1 THEN 100
                    WHEN seq = 5101 THEN 110 ELSE seq - 1 END,
               CASE WHEN seq <= 100 THEN seq WHEN seq <= 5100 THEN 101 + (seq - 101) % 10 ELSE seq - 4990 END
        FROM generate_series(1, 10000) AS seq
        UNION ALL
        SELECT 'linear', seq, seq - 1, seq FROM generate_series(1, 10000) AS seq
    ) AS made (id, seq, parent, place)""",
)


@pytest.fixture(scope="module", params=["with statistics", "without statistics"])
def filled_url(request: pytest.FixtureRequest, cluster: str, template: str) -> Generator[str]:
    with cloned_database(cluster, template) as url:
        run_sql(url, *FILL)
        # Which pages are visible to all, so that an index alone answers, is up to a vacuum in any case.
        options = "ANALYZE" if request.param == "with statistics" else "ANALYZE false"
        run_sql(url, f"VACUUM ({options}) recollect.conversation, recollect.message")
        yield url


@pytest.fixture
async def meter(filled_url: str) -> AsyncGenerator[Meter]:
    async with metered(filled_url) as meter:
        yield meter


async def steady(meter: Meter, call: Callable[[], Awaitable[object]]) -> Read:
    """What a call reads once its statements are planned, which looks at the ends of indexes."""
    return min([await meter.read_by(call) for _ in range(8)], key=lambda read: (read.rows, read.pages))


READ_AHEAD = 10
"""Rows that PL/pgSQL reads at first; then 50 at a time."""

INDEX_OF_BRANCHES = 12
"""Most pages of an index with 500 entries, the way down to them included."""


@pytest.mark.parametrize("tip", [None, 9_999, 5_000, 120])
@pytest.mark.parametrize("id", ["nested", "wide"])
async def test_a_context_reads_about_what_it_shows(meter: Meter, id: str, tip: int | None) -> None:
    alice = meter.of("alice")
    window = await alice.context(id, max_tokens=2_000, upto_seq=tip)
    assert window.last_seq == (tip or 10_000)
    read = await steady(meter, lambda: alice.context(id, max_tokens=2_000, upto_seq=tip))
    linear = await steady(meter, lambda: alice.context("linear", max_tokens=2_000, upto_seq=tip))
    # In `nested` runs are short, so that each is read in one go, and to its end.
    assert read.rows <= linear.rows + READ_AHEAD <= 1 + 2 * READ_AHEAD
    assert read.pages <= linear.pages + INDEX_OF_BRANCHES + READ_AHEAD


async def test_a_path_through_500_branches_is_one_scan_of_their_index(meter: Meter) -> None:
    alice = meter.of("alice")
    await steady(meter, lambda: alice.context("nested", max_tokens=2_000))
    before = await scans(meter)
    await meter.read_by(lambda: alice.context("nested", max_tokens=2_000))
    assert await scans(meter) == before + 1


async def test_an_append_on_a_branch_reads_no_more_than_on_a_line(meter: Meter) -> None:
    writer = meter.of("writer")
    for after in (None, 17, 5_000):
        for id in ("nested", "wide"):
            read = await steady(meter, lambda id=id, at=after: writer.append(id, HELLO, after_seq=at))
            assert read.rows <= 5
            assert read.pages <= 40


async def test_a_switch_of_the_head_reads_a_few_rows(meter: Meter) -> None:
    writer = meter.of("writer")
    for id in ("nested", "wide"):
        for seq in (17, 9_999, (await writer.get(id)).last_seq):
            read = await steady(meter, lambda id=id, seq=seq: writer.switch_head(id, seq))
            assert read.rows <= 5
            assert read.pages <= 40


async def test_a_list_of_branches_reads_those_that_it_shows(meter: Meter) -> None:
    alice = meter.of("alice")
    for id, at, shown in (("nested", 17, 2), ("nested", 18, 0), ("wide", 100, 500), ("wide", 0, 0)):
        assert len((await alice.branches(id, at_seq=at, limit=500)).branches) == shown
        read = await steady(meter, lambda id=id, at=at: alice.branches(id, at_seq=at, limit=500))
        assert read.rows <= 1 + shown + READ_AHEAD
    last = await alice.branches("nested", limit=500)
    first = await alice.branches("nested", before=last.branches[0].seq, limit=500)
    assert (
        (len(last.branches), last.more_before) == (len(first.branches), not first.more_before) == (500, True)
    )
    read = await steady(meter, lambda: alice.branches("nested", limit=20))
    assert read.rows <= 21 + READ_AHEAD


async def scans(meter: Meter) -> int:
    return await meter.admin.fetchval(
        "SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelname = 'message_branch_idx'"
    )


async def test_linear_conversations_pay_nothing(meter: Meter) -> None:
    alice, writer = meter.of("alice"), meter.of("writer")
    before = await scans(meter)
    await steady(meter, lambda: alice.context("linear", max_tokens=2_000, upto_seq=5_000))
    await steady(meter, lambda: alice.context("linear", max_tokens=2_000))
    await steady(meter, lambda: writer.append("linear", HELLO, key=uuid.uuid4().hex))
    await steady(meter, lambda: writer.open_turn(HELLO, key=uuid.uuid4().hex, id="linear"))
    assert await scans(meter) == before


async def test_the_index_of_branches_is_empty_where_all_is_linear(database_url: str) -> None:
    size = "SELECT pg_relation_size('recollect.message_branch_idx')"
    async with metered(database_url) as meter:
        alice = meter.of("alice")
        await alice.create(id="talk")
        for _ in range(20):
            await alice.append("talk", [HELLO] * 100)
        assert await meter.admin.fetchval(size) == PAGE  # which says that there is nothing
        await alice.append("talk", HELLO, after_seq=7)
        assert await meter.admin.fetchval(size) == 2 * PAGE


STATEMENTS = {
    "path_v1": (
        re.sub(
            r"p_user|p_conversation|p_tip",
            lambda name: {"p_user": "$1", "p_conversation": "$2", "p_tip": "$3"}[name[0]],
            load("path_v1").partition("FOR branch IN")[2].partition("LOOP")[0],
        )
    ),
    "branch_starts": load("branch_starts"),
}


@pytest.mark.parametrize("plan", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("name", STATEMENTS)
async def test_branches_are_found_in_their_index_alone_under_row_security(
    filled_url: str, name: str, plan: str
) -> None:
    connection = await asyncpg.connect(**parse_url(filled_url).connect_args, statement_cache_size=0)
    try:
        await connection.execute("VACUUM recollect.message")  # other tests have written
        await connection.execute(
            f"BEGIN; SET LOCAL plan_cache_mode = {plan}; SET LOCAL ROLE recollect_app; "
            "SET LOCAL recollect.user_id = 'alice'; SET LOCAL enable_sort = off; "
            f"PREPARE it (text, text, integer) AS {STATEMENTS[name]}"
        )
        explained: list[dict[str, Any]] = json.loads(
            await connection.fetchval(
                "EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) EXECUTE it ('alice', 'nested', 10000)"
            )
        )
    finally:
        await connection.close()
    # Row security asks once, before the scan, whether the user is who the statement says.
    whole = explained[0]["Plan"]
    assert "InitPlan 1" in whole["One-Time Filter"]
    (node,) = [node for node in whole["Plans"] if "Relation Name" in node]
    assert (node["Node Type"], node["Index Name"]) == ("Index Only Scan", "message_branch_idx")
    assert all(name in node["Index Cond"] for name in ("user_id", "conversation_id", "seq <= "))
    assert node["Actual Rows"] >= 500
    assert node["Heap Fetches"] == 0
