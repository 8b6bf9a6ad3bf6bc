"""docs/capacity.md says of a run what the figures say, and calculates its model from them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.growth import document
from benchmarks.growth.capacity import LARGE, Assumed, Capacity
from benchmarks.growth.found import Found, Load, Plan, Stop
from benchmarks.growth.sizes import SEARCH, Sizes
from benchmarks.growth.verbs import (
    AT_WORK,
    EMPTY,
    LARGEST,
    LARGEST_PARTITIONED,
    PARTITIONED,
    QUICK,
    RETURNING,
    VERBS,
    Cost,
)
from benchmarks.rounds import Timing
from benchmarks.surroundings import Surroundings

MILLION = 1_000_000


def cost(clock: float, server: float) -> Cost:
    """Seconds in milliseconds, the same in each of two rounds."""
    return Cost(*(Timing([[seconds / 1000] * 4] * 2) for seconds in (clock, server, 0.1)))


def stop(search: float = 4.0, many: float = 1.0) -> Stop:
    """A million messages of 500 bytes in 50,000 conversations. search: ms of a user at work."""
    costs = {
        verb: {
            EMPTY: cost(4.0, 3.0),
            AT_WORK: cost(search if verb == "search" else 4.0, 3.0),
            RETURNING: cost(9.0, 3.0),
            LARGEST: cost(8.0, 3.0),
            PARTITIONED: cost(4.0, 3.0 * many),
            LARGEST_PARTITIONED: cost(8.0, 3.0),
        }
        for verb in VERBS
    }
    relations = {"message": 650 * MILLION, SEARCH: 250 * MILLION, "message_pkey": 100 * MILLION}
    row = {"row": 640.0, "text": 500.0, "names": 50.0, "keys": 20.0}
    sizes = Sizes(MILLION, 50_000, 500 * MILLION, relations, row)
    load = Load(MILLION, loaded=50, copied=40, indexed=60, settled=10)
    return Stop(sizes, load, costs, 40_000, 60, 10_000, 300 * MILLION, (sizes, load))


def page(*stops: Stop, planned: tuple[int, ...] = (), ended: str | None = None) -> str:
    surroundings = Surroundings(datetime(2026, 11, 26, tzinfo=UTC), "machine", "system", "", "", 0.0)
    plan = Plan([*(one.sizes.messages for one in stops), *planned], 100_000, QUICK, 60, 16)
    return document.page(Found(plan, surroundings, 25 * 10**9, 250 * 10**9, list(stops), ended))


def test_a_bound_that_is_missed_is_named_with_where_the_time_goes() -> None:
    assert "All 5 bounds are met." in page(stop())
    missed = page(stop(search=5.3))
    assert "| search, 10 hits | at work | 5.30 | 5.30 | 1.32 |" in missed
    assert missed.count("MISSED") == 2  # and the storage without search
    assert "- search, 10 hits: of 1.30 ms more, PostgreSQL's process works 0.00 ms" in missed


def test_storage_is_told_for_each_byte_of_text() -> None:
    found = page(stop())
    assert "| bytes a byte of text without the search index, at most 1.45 | 1.50, MISSED |" in found
    assert "| bytes a byte of text with it, at most 2.20 | 2.00, met |" in found
    assert "missed by 25 bytes a message" in found
    assert "1.20 times as large" in found


def test_why_a_load_ended_early_is_told() -> None:
    told = page(stop(), planned=(2_000_000,), ended="the disk is full")
    assert "was to go on to 2,000,000 messages and ended at 1,000,000: the disk is full." in told
    assert "was to go on" not in page(stop(), ended="the time was over when it was through")


def test_what_more_messages_would_need_follows_from_the_rates() -> None:
    # 20,000 messages a second are loaded, and a million indexed in 60 seconds; each takes 1,000 bytes.
    told = "At these rates 50,000,000 messages need 0.7 hours more to load, 0.8 to make the search index"
    assert f"{told} of them all, and 50 GB of disk beside the log." in page(stop())


@pytest.mark.parametrize(("many", "verdict"), [(0.8, "a gain"), (1.0, "no gain"), (1.3, "no gain")])
def test_partitions_are_an_option_only_where_they_are_a_gain(many: float, verdict: str) -> None:
    assert f"which is {verdict}" in page(stop(many=many))


def test_the_model_follows_from_the_figures() -> None:
    model = Capacity(stop(), Assumed())
    assert model.messages == 2_000 * MILLION
    assert model.users == 4 * MILLION
    assert model.stored == pytest.approx(2e12)
    assert model.turns == pytest.approx(4e5 * 20 * 3 / 86_400)
    assert model.server_seconds == pytest.approx(0.003 * (2 + 1 + 0.2 + 0.2 + 0.1))
    assert model.dearest() == ("append", pytest.approx(2 / 3.5))
    assert model.index_hours == pytest.approx(2_000 * 60 / 3_600)
    first = model.needs(LARGE)[0]
    assert first.share == max(need.share for need in model.needs(LARGE))
    assert f"The first wall is {first.what}, at" in page(stop())
