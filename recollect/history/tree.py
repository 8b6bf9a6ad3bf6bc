"""A conversation with branches as a tree of runs: in a run each message follows the one before it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Tree:
    """Answers from where the branches begin alone, whatever the number of messages.

    starts:    (seq, parent) of the messages that do not follow the one before them, by seq.
    last_seq:  the newest message.
    """

    def __init__(self, starts: list[tuple[int, int]], last_seq: int) -> None:
        self._parents = dict(starts)
        self._begins = [1, *(seq for seq, _ in starts)]
        self._by_parent = sorted((parent, seq) for seq, parent in starts)
        self._last = last_seq
        self._newest: dict[int, int] = {}
        # Children come after their parents: from the end on, those of each run are known.
        for begin in reversed(self._begins):
            self._newest[begin] = self.newest(begin)

    def parent(self, seq: int) -> int:
        return self._parents.get(seq, seq - 1)

    def following(self, seq: int) -> list[int]:
        """The messages that follow a message (0: that the conversation begins with), by seq."""
        later = [child for _, child in self._children(seq, seq)]
        goes_on = seq < self._last and self.parent(seq + 1) == seq
        return [seq + 1, *later] if goes_on else later

    def newest(self, seq: int) -> int:
        """The newest message that can be reached from `seq` on."""
        end = self._end(seq)
        return max([end, *(self._newest[child] for _, child in self._children(seq, end))])

    def path(self, tip: int) -> list[tuple[int, int]]:
        """The runs from `tip` back to the start, each as its lowest and highest seq."""
        found: list[tuple[int, int]] = []
        while tip > 0:
            low = self._begins[bisect_right(self._begins, tip) - 1]
            found.append((low, tip))
            tip = self.parent(low)
        return found

    def leaving(self, known: int, tip: int) -> list[tuple[int, int]]:
        """The runs of the path to `tip` that are not on the path to `known`, oldest first."""
        shared = dict(self.path(known))
        runs = [(max(low, shared.get(low, 0) + 1), high) for low, high in reversed(self.path(tip))]
        return [(low, high) for low, high in runs if low <= high]

    def _children(self, low: int, high: int) -> list[tuple[int, int]]:
        """(parent, seq) of the branches that begin below messages `low` to `high`."""
        return self._by_parent[
            bisect_left(self._by_parent, (low, 0)) : bisect_left(self._by_parent, (high + 1, 0))
        ]

    def _end(self, seq: int) -> int:
        """The last message of the run that `seq` is in."""
        place = bisect_right(self._begins, seq)
        return self._begins[place] - 1 if place < len(self._begins) else self._last
