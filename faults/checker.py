"""The independent check: what the clients wrote down, against what the database holds in the end.

It knows records and rows, and nothing of the product. `check` gives complaints; each has a kind:

    gap         the places of a conversation are not 1, 2, 3 …, or its row says another end or number
    lost        an acknowledged append is not there
    torn        an append is there in part, or its messages do not stand side by side in order
    misplaced   an acknowledged append stands elsewhere than its acknowledgement said
    doubled     a message is there twice
    changed     a retry of an acknowledged append was answered otherwise, or stored it again
    unwanted    an append is there of which it was said that nothing was stored
    unasked     a message is there that nobody sent, or in another conversation than it was sent to
    foreign     a message of one user stands or was read among another's, or could be seen by another
    key         an idempotency key is not where it belongs
    parent      a message does not follow the one before it, though nobody branched
    reordered   an append that began after another was acknowledged stands before it
    phantom     something was read that is not in the log, or not in that place
    hole        a read left something out of the run that it showed
    half        a read saw an append in part
    stale       a read that began after an acknowledgement did not see it
    unfinished  a client that nobody killed did not come to its end, or had an answer that none should get
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from faults.records import Record

Place = tuple[str, str]
"""A user and a conversation's id."""


class Row(NamedTuple):
    """One stored message."""

    user: str
    id: str
    seq: int
    parent: int
    key: str | None
    text: str


class Head(NamedTuple):
    """One stored conversation."""

    user: str
    id: str
    last_seq: int
    head_seq: int
    message_count: int


class Complaint(NamedTuple):
    """Something that must not be."""

    kind: str
    says: str


@dataclass(slots=True)
class Append:
    """One append as its client knows it. since, acked: when it was tried first, and acknowledged."""

    name: str
    user: str
    id: str | None
    texts: list[str]
    key: str | None
    since: int
    acked: int | None = None
    first: int = 0
    last: int = 0
    attempts: int = 1
    again: list[Record] = field(default_factory=list[Record])
    refused: bool = False
    unknown: bool = False


class Evidence:
    """The histories and the final rows, in the shapes that the checks need."""

    def __init__(self, histories: Mapping[str, list[Record]], rows: list[Row], heads: list[Head]) -> None:
        self.appends: dict[str, Append] = {}
        self.reads: list[Record] = []
        self.rows = rows
        self.heads = {(head.user, head.id): head for head in heads}
        self.logs: dict[Place, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.seq):
            self.logs[row.user, row.id].append(row)
        for records in histories.values():
            for record in records:
                self._take(record)
        self.acks: dict[Place, list[Append]] = defaultdict(list)
        for append in self.appends.values():
            if append.acked is not None and append.id is not None:
                self.acks[append.user, append.id].append(append)
        for acks in self.acks.values():
            acks.sort(key=lambda append: append.acked or 0)

    def _take(self, record: Record) -> None:
        match record["is"]:
            case "try":
                self.appends[record["name"]] = Append(
                    record["name"],
                    record["user"],
                    record["id"],
                    record["texts"],
                    record["key"],
                    record["at"],
                )
            case "ack":
                append = self.appends[record["name"]]
                append.acked, append.id = record["at"], record["id"]
                append.first, append.last = record["first"], record["last"]
                append.attempts = record["attempts"]
            case "again":
                self.appends[record["name"]].again.append(record)
            case "refused":
                self.appends[record["name"]].refused = True
            case "unknown":
                self.appends[record["name"]].unknown = True
            case "read":
                self.reads.append(record)
            case _:
                pass

    def appended(self, text: str) -> Append | None:
        """The append that a message belongs to."""
        return self.appends.get(text.rpartition("/")[0])


def check(
    histories: Mapping[str, list[Record]], rows: list[Row], heads: list[Head], killed: frozenset[str]
) -> list[Complaint]:
    """All complaints; none is the only good answer.

    histories:  the records of each client, by its name.
    killed:     the clients that were killed, which cannot have come to an end.
    """
    evidence = Evidence(histories, rows, heads)
    return [
        *_clients(histories, killed),
        *_logs(evidence),
        *_messages(evidence),
        *_appends(evidence),
        *_order(evidence),
        *_reads(evidence),
    ]


def _clients(histories: Mapping[str, list[Record]], killed: frozenset[str]) -> Iterator[Complaint]:
    for name, records in histories.items():
        for record in records:
            if record["is"] == "broken":
                yield Complaint("unfinished", f"{name} was answered: {record['why']}")
            elif record["is"] == "leaked":
                yield Complaint("foreign", f"{name}: {record['user']} could see {record['id']}")
        if name not in killed and not (records and records[-1]["is"] == "end"):
            yield Complaint("unfinished", f"{name} did not come to its end")


def _logs(evidence: Evidence) -> Iterator[Complaint]:
    """Each conversation's places, its own row, and what follows what."""
    for place in evidence.logs.keys() | evidence.heads.keys():
        log = evidence.logs.get(place, [])
        if [row.seq for row in log] != list(range(1, len(log) + 1)):
            yield Complaint("gap", f"{place}: {len(log)} messages, not numbered 1 to {len(log)}")
        head = evidence.heads.get(place)
        if head is None or head.last_seq != len(log) or head.message_count != len(log):
            yield Complaint("gap", f"{place}: its row says {head}; there are {len(log)} messages")
        branched = any(row.parent != row.seq - 1 for row in log)
        if branched and not place[1].endswith("-branches"):
            yield Complaint("parent", f"{place}: a message does not follow the one before it")
        if not branched and head is not None and head.head_seq != head.last_seq:
            yield Complaint("parent", f"{place}: its head is {head.head_seq} of {head.last_seq}")


def _messages(evidence: Evidence) -> Iterator[Complaint]:
    """Each row belongs to an append, and stands there once."""
    for text, count in Counter(row.text for row in evidence.rows).items():
        if count > 1:
            yield Complaint("doubled", f"{text} is there {count} times")
    for row in evidence.rows:
        append = evidence.appended(row.text)
        if append is None or row.text not in append.texts:
            yield Complaint("unasked", f"nobody sent {row.text!r}")
        elif append.user != row.user:
            yield Complaint("foreign", f"{row.text} of {append.user} stands with {row.user}")
        elif append.id not in (None, row.id):
            yield Complaint("unasked", f"{row.text} was sent to {append.id} and stands in {row.id}")
        elif row.key != (append.key if row.text == append.texts[0] else None):
            yield Complaint("key", f"{row.text} has the key {row.key}")


def _appends(evidence: Evidence) -> Iterator[Complaint]:
    """Each append is there whole, or not at all where that may be; and retries said the same."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in evidence.rows:
        found[row.text.rpartition("/")[0]].append(row)
    for append in evidence.appends.values():
        rows = sorted(found.get(append.name, []), key=lambda row: (row.id, row.seq))
        if not rows:
            if append.acked is not None:
                yield Complaint("lost", f"{append.name} was acknowledged and is not there")
            continue
        if append.refused:
            yield Complaint("unwanted", f"{append.name} was refused and is there")
        places = [row.seq for row in rows]
        whole = [row.text for row in rows] == append.texts
        if not whole or places != list(range(places[0], places[0] + len(places))):
            yield Complaint("torn", f"{append.name}: {len(rows)} of {len(append.texts)} at {places[:5]}")
        elif any(row.parent != row.seq - 1 for row in rows[1:]):
            yield Complaint("parent", f"{append.name}: its messages do not follow each other")
        elif append.acked is not None and (append.first, append.last) != (places[0], places[-1]):
            yield Complaint(
                "misplaced",
                f"{append.name}: acknowledged {append.first} to {append.last}, is at {places[0]}",
            )
        for record in append.again:
            answer = (record["id"], record["first"], record["last"])
            if answer != (append.id, append.first, append.last) or not record["replayed"]:
                yield Complaint("changed", f"{append.name}: a retry was answered {answer}")


def _order(evidence: Evidence) -> Iterator[Complaint]:
    """What began after an acknowledgement stands after what was acknowledged."""
    for place, acks in evidence.acks.items():
        times, ends = _ends(acks)
        for append in acks:
            before = bisect_left(times, append.since)
            if before and ends[before - 1] >= append.first:
                yield Complaint("reordered", f"{place}: {append.name} stands before what was there already")


def _ends(acks: list[Append]) -> tuple[list[int], list[int]]:
    """When acknowledgements came, ascending, and the highest place acknowledged by then."""
    times: list[int] = []
    ends: list[int] = []
    for append in acks:
        times.append(append.acked or 0)
        ends.append(max(append.last, ends[-1] if ends else 0))
    return times, ends


def _reads(evidence: Evidence) -> Iterator[Complaint]:
    """Each read showed a run of the log as it was at a moment during the read."""
    ends = {place: _ends(acks) for place, acks in evidence.acks.items()}
    borders = {place: _borders(log) for place, log in evidence.logs.items()}
    for read in evidence.reads:
        place = (read["user"], read["id"])
        log, last, after = evidence.logs.get(place, []), read["last"], read["after"]
        run = [(seq, text) for seq, text in read["run"]]
        what = f"{place}: a read after {after} of a log up to {last}"
        if any((append := evidence.appended(text)) and append.user != read["user"] for _, text in run):
            yield Complaint("foreign", what)
        elif [seq for seq, _ in run] != list(range(after + 1, min(after + read["limit"], last) + 1)):
            yield Complaint("hole", f"{what} showed {len(run)} messages")
        elif run != [(row.seq, row.text) for row in log[after : after + len(run)]] or last > len(log):
            yield Complaint("phantom", what)
        elif last not in borders.get(place, {0}):
            yield Complaint("half", what)
        else:
            times, highest = ends.get(place, ([], []))
            before = bisect_left(times, read["since"])
            if before and highest[before - 1] > last:
                yield Complaint("stale", f"{what}; {highest[before - 1]} was acknowledged before")


def _borders(log: list[Row]) -> set[int]:
    """The places after which no append is half done: the states that a log was ever in."""
    borders = {0}
    for row, following in zip(log, [*log[1:], None], strict=True):
        name = row.text.rpartition("/")[0]
        if following is None or following.text.rpartition("/")[0] != name:
            borders.add(row.seq)
    return borders
