"""The checker of the fault suite is given what must not be, one thing at a time, and has to see it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from faults import checker
from faults.checker import Complaint, Head, Row, check
from faults.records import Record

BUSY, OTHER, BRANCHES = "ann-busy", "ben-busy", "ann-branches"


@dataclass
class Story:
    """What two clients wrote down, and what the database holds."""

    one: list[Record] = field(default_factory=list[Record])
    two: list[Record] = field(default_factory=list[Record])
    rows: list[Row] = field(default_factory=list[Row])
    heads: dict[str, Head] = field(default_factory=dict[str, Head])
    killed: frozenset[str] = frozenset()

    def verdict(self) -> list[Complaint]:
        histories = {"one": self.one, "two": self.two}
        return check(histories, self.rows, list(self.heads.values()), self.killed)

    def row(self, text: str) -> int:
        """The index of the message with this text."""
        return [row.text for row in self.rows].index(text)

    def change(self, text: str, **values: Any) -> None:
        """Change a stored message."""
        self.rows[self.row(text)] = self.rows[self.row(text)]._replace(**values)

    def record(self, kind: str, **facts: Any) -> Record:
        """The first record of a kind with these facts."""
        return next(r for r in self.one + self.two if r["is"] == kind and facts.items() <= r.items())


def tried(at: int, name: str, parts: int = 1, id: str | None = BUSY, *, keyed: bool = True) -> Record:
    texts = [f"{name}/{part}" for part in range(parts)]
    key = name if keyed else None
    return {
        "is": "try",
        "at": at,
        "user": "ben" if id == OTHER else "ann",
        "id": id,
        "name": name,
        "texts": texts,
        "key": key,
    }


def acked(at: int, name: str, first: int, last: int, id: str = BUSY) -> Record:
    return {
        "is": "ack",
        "at": at,
        "name": name,
        "id": id,
        "first": first,
        "last": last,
        "attempts": 1,
    }


def told(at: int, name: str, kind: str, **facts: Any) -> Record:
    return {"is": kind, "at": at, "name": name, **facts}


def read(since: int, after: int, last: int, *texts: str, limit: int = 40) -> Record:
    run = [[after + 1 + place, text] for place, text in enumerate(texts)]
    return {
        "is": "read",
        "at": since + 5,
        "since": since,
        "user": "ann",
        "id": BUSY,
        "after": after,
        "limit": limit,
        "run": run,
        "last": last,
    }


def good() -> Story:
    """A run in which all went well: three appends, one whose answer was lost, one that was refused, one
    without a key, a begun conversation, a branch, another user, and a client that was killed."""
    story = Story(killed=frozenset({"two"}))
    story.one = [
        tried(10, "one.a", 2),
        acked(20, "one.a", 1, 2),
        read(22, 0, 2, "one.a/0", "one.a/1"),
        tried(30, "one.b"),
        acked(40, "one.b", 3, 3),
        told(45, "one.b", "again", id=BUSY, first=3, last=3, replayed=True),
        tried(50, "one.refused"),
        told(55, "one.refused", "refused"),
        tried(60, "one.keyless", keyed=False),
        told(65, "one.keyless", "unknown"),
        tried(70, "one.begun", id=None),
        acked(75, "one.begun", 1, 1, "c_new"),
        tried(80, "one.x", 2, BRANCHES),
        acked(81, "one.x", 1, 2, BRANCHES),
        tried(82, "one.y", 2, BRANCHES),
        acked(83, "one.y", 3, 4, BRANCHES),
        tried(84, "one.ben", id=OTHER),
        acked(85, "one.ben", 1, 1, OTHER),
        read(90, 1, 5, "one.a/1", "one.b/0", "one.keyless/0", "two.c/0"),
        {"is": "hidden", "at": 95, "user": "ann", "id": OTHER},
        {"is": "end", "at": 99},
    ]
    story.two = [tried(62, "two.c"), tried(63, "two.lost", 3)]
    story.rows = [
        Row("ann", BUSY, 1, 0, "one.a", "one.a/0"),
        Row("ann", BUSY, 2, 1, None, "one.a/1"),
        Row("ann", BUSY, 3, 2, "one.b", "one.b/0"),
        Row("ann", BUSY, 4, 3, None, "one.keyless/0"),
        Row("ann", BUSY, 5, 4, "two.c", "two.c/0"),
        Row("ann", "c_new", 1, 0, "one.begun", "one.begun/0"),
        Row("ann", BRANCHES, 1, 0, "one.x", "one.x/0"),
        Row("ann", BRANCHES, 2, 1, None, "one.x/1"),
        Row("ann", BRANCHES, 3, 0, "one.y", "one.y/0"),
        Row("ann", BRANCHES, 4, 3, None, "one.y/1"),
        Row("ben", OTHER, 1, 0, "one.ben", "one.ben/0"),
    ]
    for head in (
        Head("ann", BUSY, 5, 5, 5),
        Head("ann", "c_new", 1, 1, 1),
        Head("ann", BRANCHES, 4, 2, 4),
        Head("ben", OTHER, 1, 1, 1),
        Head("ann", "ann-quiet", 0, 0, 0),
    ):
        story.heads[head.id] = head
    return story


def test_a_good_run_gives_no_complaint() -> None:
    assert good().verdict() == []


def missing_message(story: Story) -> None:
    """The last message of a conversation vanished."""
    del story.rows[story.row("two.c/0")]
    del story.one[-3]


def gap(story: Story) -> None:
    story.change("two.c/0", seq=6)
    del story.one[-3]


def wrong_count(story: Story) -> None:
    story.heads[BUSY] = story.heads[BUSY]._replace(message_count=4)


def no_conversation(story: Story) -> None:
    del story.heads["c_new"]


def lost(story: Story) -> None:
    del story.rows[story.row("one.begun/0")]
    del story.heads["c_new"]


def half_lost(story: Story) -> None:
    del story.rows[story.row("one.y/1")]
    story.heads[BRANCHES] = Head("ann", BRANCHES, 3, 2, 3)


def half_stored_by_a_killed_client(story: Story) -> None:
    story.rows.append(Row("ann", BUSY, 6, 5, "two.lost", "two.lost/0"))
    story.heads[BUSY] = Head("ann", BUSY, 6, 6, 6)


def interleaved(story: Story) -> None:
    """Another message got in between the two of one append."""
    story.change("one.a/1", seq=3, parent=2)
    story.change("one.b/0", seq=2, parent=1)
    story.one = [record for record in story.one if record["is"] != "read"]


def elsewhere(story: Story) -> None:
    story.record("ack", name="one.b").update(first=4, last=4)


def doubled_by_a_retry(story: Story) -> None:
    story.rows.append(Row("ann", BUSY, 6, 5, None, "one.b/0"))
    story.heads[BUSY] = Head("ann", BUSY, 6, 6, 6)


def keyless_twice(story: Story) -> None:
    story.rows.append(Row("ann", BUSY, 6, 5, None, "one.keyless/0"))
    story.heads[BUSY] = Head("ann", BUSY, 6, 6, 6)


def begun_twice(story: Story) -> None:
    story.rows.append(Row("ann", "c_other", 1, 0, "one.begun", "one.begun/0"))
    story.heads["c_other"] = Head("ann", "c_other", 1, 1, 1)


def another_answer(story: Story) -> None:
    story.record("again").update(first=4, last=4)


def stored_again(story: Story) -> None:
    story.record("again").update(replayed=False)


def refused_and_stored(story: Story) -> None:
    story.rows.append(Row("ann", BUSY, 6, 5, "one.refused", "one.refused/0"))
    story.heads[BUSY] = Head("ann", BUSY, 6, 6, 6)


def nobody_sent_it(story: Story) -> None:
    story.rows.append(Row("ann", BUSY, 6, 5, None, "who.knows/0"))
    story.heads[BUSY] = Head("ann", BUSY, 6, 6, 6)


def wrong_conversation(story: Story) -> None:
    story.change("two.c/0", id="ann-quiet", seq=1, parent=0)
    story.heads[BUSY] = Head("ann", BUSY, 4, 4, 4)
    story.heads["ann-quiet"] = Head("ann", "ann-quiet", 1, 1, 1)
    del story.one[-3]


def wrong_user(story: Story) -> None:
    story.change("one.ben/0", user="ann")
    story.heads[OTHER] = Head("ann", OTHER, 1, 1, 1)


def foreign_read(story: Story) -> None:
    story.record("read", after=1)["run"][1][1] = "one.ben/0"


def foreign_seen(story: Story) -> None:
    story.record("hidden")["is"] = "leaked"


def no_key(story: Story) -> None:
    story.change("one.b/0", key=None)


def key_on_a_later_message(story: Story) -> None:
    story.change("one.a/1", key="one.a")


def branched_by_itself(story: Story) -> None:
    story.change("two.c/0", parent=3)


def head_left_behind(story: Story) -> None:
    story.heads[BUSY] = Head("ann", BUSY, 5, 4, 5)


def torn_on_a_branch(story: Story) -> None:
    story.change("one.y/1", parent=2)


def later_before_earlier(story: Story) -> None:
    """one.b began after one.a was acknowledged, and stands before it."""
    story.record("ack", name="one.a").update(first=2, last=3)
    story.record("ack", name="one.b").update(first=1, last=1)
    story.change("one.b/0", seq=1, parent=0)
    story.change("one.a/0", seq=2, parent=1)
    story.change("one.a/1", seq=3, parent=2)
    story.one = [record for record in story.one if record["is"] not in ("read", "again")]


def read_of_what_is_not_there(story: Story) -> None:
    """Such as a message whose transaction was rolled back."""
    story.record("read", after=1)["run"][2][1] = "two.lost/0"


def read_of_another_order(story: Story) -> None:
    run = story.record("read", after=1)["run"]
    run[2][1], run[3][1] = run[3][1], run[2][1]


def read_beyond_the_log(story: Story) -> None:
    story.record("read", after=0).update(run=[], after=7, last=7)


def got_in_between(story: Story) -> None:
    """A message landed between two that had been read."""
    story.record("read", after=1)["run"].pop(1)


def read_a_hole(story: Story) -> None:
    read = story.record("read", after=1)
    read["run"] = [[2, "one.a/1"], [3, "one.b/0"], [5, "two.c/0"]]


def read_less_than_there_is(story: Story) -> None:
    story.record("read", after=1)["run"].pop()


def read_more_than_the_end(story: Story) -> None:
    story.record("read", after=1)["last"] = 4


def read_in_the_middle_of_an_append(story: Story) -> None:
    story.record("read", after=0).update(run=[[1, "one.a/0"]], last=1, since=12)


def read_an_old_state(story: Story) -> None:
    story.record("read", after=0)["since"] = 41


def client_without_an_end(story: Story) -> None:
    story.one.pop()


def client_without_a_record(story: Story) -> None:
    story.two, story.killed = [], frozenset()
    del story.rows[story.row("two.c/0")]
    del story.one[-3]
    story.heads[BUSY] = Head("ann", BUSY, 4, 4, 4)


def broken_answer(story: Story) -> None:
    story.one.insert(3, {"is": "broken", "at": 31, "why": "a traceback"})


CORRUPTIONS: dict[Callable[[Story], None], str] = {
    missing_message: "gap",
    gap: "gap",
    wrong_count: "gap",
    no_conversation: "gap",
    lost: "lost",
    half_lost: "torn",
    half_stored_by_a_killed_client: "torn",
    interleaved: "torn",
    elsewhere: "misplaced",
    doubled_by_a_retry: "doubled",
    keyless_twice: "doubled",
    begun_twice: "doubled",
    another_answer: "changed",
    stored_again: "changed",
    refused_and_stored: "unwanted",
    nobody_sent_it: "unasked",
    wrong_conversation: "unasked",
    wrong_user: "foreign",
    foreign_read: "foreign",
    foreign_seen: "foreign",
    no_key: "key",
    key_on_a_later_message: "key",
    branched_by_itself: "parent",
    head_left_behind: "parent",
    torn_on_a_branch: "parent",
    later_before_earlier: "reordered",
    read_of_what_is_not_there: "phantom",
    read_of_another_order: "phantom",
    read_beyond_the_log: "phantom",
    got_in_between: "hole",
    read_a_hole: "hole",
    read_less_than_there_is: "hole",
    read_more_than_the_end: "hole",
    read_in_the_middle_of_an_append: "half",
    read_an_old_state: "stale",
    client_without_an_end: "unfinished",
    client_without_a_record: "unfinished",
    broken_answer: "unfinished",
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
def test_each_corruption_is_seen_for_what_it_is(corrupt: Callable[[Story], None]) -> None:
    story = good()
    before = copy.deepcopy(story)
    corrupt(story)
    assert story != before
    assert CORRUPTIONS[corrupt] in {complaint.kind for complaint in story.verdict()}, story.verdict()


def test_every_kind_of_complaint_is_provoked() -> None:
    listed = [line[4:] for line in (checker.__doc__ or "").splitlines() if line.startswith("    ")]
    documented = {line.split()[0] for line in listed}
    assert set(CORRUPTIONS.values()) == documented
