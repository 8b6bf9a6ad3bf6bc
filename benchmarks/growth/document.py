"""docs/capacity.md, made from one run."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.growth import tables
from benchmarks.growth.capacity import LARGE, SHARDING, Assumed, Capacity, Machine
from benchmarks.growth.found import Found, Stop
from benchmarks.growth.people import GUEST_LENGTHS, SKEW
from benchmarks.growth.verbs import AT_WORK, EMPTY, LARGEST, QUICK, RETURNING, VERBS

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "capacity.md"

GAIN = 0.9
"""Partitions are a gain where PostgreSQL works at most so much as with one table, for a verb, and nowhere
more than its inverse."""

INTRODUCTION = f"""# How far one server goes

Written by `make growth ARGS=--write`: every figure is from the one run described here, or calculated from
it. It loads the messages of many users, stops at several sizes, and asks the same of four users in turns:

- **{EMPTY}**: one user in a database of its own on the same server, with {sum(GUEST_LENGTHS)} messages in
  {len(GUEST_LENGTHS)} conversations. All other figures are compared with this one's.
- **{AT_WORK}**: a user of the full database with the same messages, who asks again and again.
- **{RETURNING}**: the same, but each call is somebody else's, who was not there since the load.
  What it needs has to come from the disk, or from the operating system's memory if it still is there.
- **{LARGEST}**: whoever has the most messages of all.

The ratio is the median over the rounds of the quotient of both medians in a round, by the clock; beside it
stands the processor time of PostgreSQL's process. The bound is for the average user, at work."""

LOAD = f"""The rows are those that appends would have written, column by column (a test compares them),
and come in the order of a busy service: hundreds of conversations at once, so that the messages of one lie
scattered. Users have the weights of Zipf's law with the exponent {SKEW}, conversations 20 messages on average
and half of them less than 11. User ids have 36 characters; every message of a user has an idempotency key, no
answer has one. An eighth of the conversations is about code, an eighth in German. Texts come by COPY, with
the log's bounds raised for that time (`max_wal_size`, `checkpoint_timeout`); what is measured runs with the
settings as they are shipped, `shared_buffers` included, after VACUUM, ANALYZE and a checkpoint."""


def page(found: Found) -> str:
    """The whole page, also of a run that is not at its end yet."""
    stops, last = found.stops, found.stops[-1]
    lines = [*found.surroundings.lines(), f"{found.memory / 1e9:.0f} GB of memory"]
    parts = [INTRODUCTION, "\n".join(f"- {line}" for line in lines)]
    if found.plan.extent is QUICK:
        parts.append("**A quick run: it shows the form. Its calls are too few to be quoted.**")
    if found.ended is not None and last.sizes.messages < found.plan.stops[-1]:
        parts.append(
            f"The load was to go on to {found.plan.stops[-1]:,} messages and ended at "
            f"{last.sizes.messages:,}: {found.ended}."
        )
    for stop in stops:
        sizes = stop.sizes
        parts += [
            f"## {sizes.messages:,} messages of {found.plan.users:,} users",
            f"{sizes.conversations:,} conversations, {sizes.text_bytes / 1e9:.2f} GB of text, "
            f"{sizes.all_bytes / 1e9:.2f} GB with everything; the largest user has {stop.largest:,} of the "
            "messages.",
            tables.latencies(stop),
            _verdict(stop),
        ]
    parts += [
        "## What happens to the largest user",
        _largest(last),
        "## Storage",
        tables.storage(stops),
        tables.storage_words(stops),
        "## The load",
        LOAD,
        tables.loads(stops),
    ]
    if (compared := tables.loads_words(stops)) is not None:
        parts.append(compared)
    if (further := tables.further(last)) is not None:
        parts.append(further)
    with_partitions = [stop for stop in stops if stop.partitioned is not None]
    if with_partitions:
        parts += ["## Partitions", *_partitions(with_partitions[-1], found.plan.partitions)]
    parts += _model(found, last)
    return "\n\n".join(parts) + "\n"


def _verdict(stop: Stop) -> str:
    bounded = [one for one in tables.comparisons(stop) if one.met is not None]
    missed = [one for one in bounded if not one.met]
    if not missed:
        return f"All {len(bounded)} bounds are met."
    return "Missed:\n\n" + "\n".join(f"- {one.reason()}." for one in missed)


def _largest(stop: Stop) -> str:
    said: list[str] = []
    for verb in VERBS:
        clock, average = stop.costs[verb][LARGEST].clock, stop.costs[verb][AT_WORK].clock
        times = clock.p50 / average.p50
        said.append(f"{tables.NAMES[verb]} {times:.2f} times (p95 {1000 * clock.p95:.0f} ms)")
    return (
        f"It has {stop.largest:,} messages, {stop.largest / stop.sizes.messages:.1%} of all. Beside an "
        f"average user at work, the median of its calls takes: {', '.join(said)}. A search in so many "
        "messages finds more of them, and its work is bounded ([search](search.md)); the rest walks an "
        "index, as for everybody."
    )


def _partitions(stop: Stop, count: int) -> list[str]:
    ratios = {verb: tables.partition_ratio(stop, verb) for verb in VERBS}
    best, worst = min(ratios.values()), max(ratios.values())
    verdict = "no gain: Recollect's tables are not partitioned."
    if best <= GAIN and worst <= 1 / GAIN:
        verdict = "a gain: consider it for a large server of your own."
    sizes, load = stop.partitioned or (stop.sizes, stop.load)
    rate, other = load.messages / load.copied, stop.load.messages / stop.load.copied
    return [
        f"The same {stop.sizes.messages:,} messages in a second database, whose table of messages has "
        f"{count} partitions by the hash of the user (a prototype in the benchmark), asked in turns with the "
        "first.",
        tables.partitions(stop),
        f"COPY took {rate:,.0f} messages a second, {other:,.0f} into one table; tables and indexes have "
        f"{sizes.all_bytes / stop.sizes.all_bytes:.2f} times the size. For an average user at work "
        f"PostgreSQL works {best:.2f} to {worst:.2f} times as much, which is {verdict} A search asks "
        "the index of every partition: its condition on the user is written so that no index but that of "
        "search answers it, and prunes none. Partitions could make maintenance easier (an index is made anew "
        "piece by piece); that was not measured.",
    ]


def _model(found: Found, stop: Stop) -> list[str]:
    assumed = Assumed()
    model = Capacity(stop, assumed)
    return [
        f"## A model of {assumed.conversations:,} conversations",
        f"Calculated from the figures at {stop.sizes.messages:,} messages: bytes a message, processor time a "
        "call. What no measurement says is assumed:",
        "\n".join(f"- {line}." for line in assumed.lines()),
        tables.costs(stop),
        tables.costs_words(found.stops),
        f"{LARGE.name.capitalize()} is taken to have {LARGE.processors} processors like the ones of this run "
        f"and a disk of {LARGE.disk // 10**12} TB with {LARGE.reads:,} reads a second.",
        _needs(model),
        _first_wall(found, model),
        "\n".join(f"- {line}." for line in _more(model)),
    ]


def _needs(model: Capacity) -> str:
    header = ("resource", "needed", f"{LARGE.name} has", "enough for conversations", "what moves the wall")
    return tables.markdown(
        header,
        [
            (
                need.what,
                f"{need.needed:,.0f}" if need.needed >= 10 else f"{need.needed:.1f}",
                f"{need.has:,.0f}",
                _millions(model.assumed.conversations / need.share),
                need.moves,
            )
            for need in model.needs(LARGE)
        ],
    )


def _first_wall(found: Found, model: Capacity) -> str:
    [first, *_] = model.needs(LARGE)
    conversations = model.assumed.conversations
    said = f"The first wall is {first.what}, at {_millions(conversations / first.share)} conversations: "
    if first.share <= 1:
        said += f"by these figures one such server holds {conversations:,}. Beyond it, {SHARDING}."
    else:
        said += f"{conversations:,} need {first.share:.1f} such servers, with {SHARDING}."
    here = Machine("this machine", os.cpu_count() or 1, found.disk, None)
    enough = " and ".join(
        f"{_millions(conversations / need.share)} by {need.what.partition(',')[0]}"
        for need in model.needs(here)
    )
    return (
        f"{said} The machine of this run ({here.processors} processors, {here.disk / 1e9:.0f} GB of disk) "
        f"would do for {enough}."
    )


def _more(model: Capacity) -> list[str]:
    stop = model.stop
    lines = [
        f"{model.turns:,.0f} turns a second in the busiest hour, each {1000 * model.server_seconds:.2f} ms "
        "of PostgreSQL's processors",
        f"{model.stored / 1e12:.2f} TB of tables and indexes for {model.messages / 1e9:.2f} billion messages",
        f"{model.hot / 1e9:,.0f} GB of memory keep a day's conversations there: {stop.pages:.0f} pages of "
        "the table a context, since a busy service scatters a conversation. With less, contexts read from "
        "the disk as often as the table says, and take the time of a user who comes back",
        f"{model.log / 1e6:,.0f} MB of write-ahead log a second at most: {stop.log / 1e3:.1f} kB an append "
        "where each is the first to its pages after a checkpoint; a larger `max_wal_size` makes it less",
        f"{model.index_hours:.0f} hours to make the search index anew and {model.vacuum_hours:.0f} hours to "
        f"vacuum everything, with {os.cpu_count()} processors and this disk: what becomes unwieldy first",
        f"{model.days_between_freezing:.0f} days between the vacuums that free transaction numbers (with "
        "PostgreSQL's default of 200 million)",
    ]
    if (serving := model.serving_processors()) is not None:
        lines.append(
            f"{serving:,.0f} processors for `recollect serve` at most, by the whole turns a second of "
            "[the run under load](benchmarks.md), whose client and PostgreSQL shared the machine"
        )
    return lines


def _millions(count: float) -> str:
    return f"{count / 1e6:,.0f} million"
