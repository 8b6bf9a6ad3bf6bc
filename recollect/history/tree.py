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
        self._newest_from = [0] * len(self._by_parent)
        """Of each branch, the newest message that can be reached by it or by a later one below its run."""
        # Children come after their parents: from the end on, those of each run are known.
        for begin in reversed(self._begins):
            newest = 0
            for place in reversed(self._places(begin, self._end(begin))):
                newest = max(newest, self.newest(self._by_parent[place][1]))
                self._newest_from[place] = newest

    def parent(self, seq: int) -> int:
        return self._parents.get(seq, seq - 1)

    def following(self, seq: int) -> list[int]:
        """The messages that follow a message (0: that the conversation begins with), by seq."""
        later = [self._by_parent[place][1] for place in self._places(seq, seq)]
        goes_on = seq < self._last and self.parent(seq + 1) == seq
        return [seq + 1, *later] if goes_on else later

    def newest(self, seq: int) -> int:
        """The newest message that can be reached from `seq` on."""
        end = self._end(seq)
        places = self._places(seq, end)
        return max(end, self._newest_from[places.start]) if places else end

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

    def _places(self, low: int, high: int) -> range:
        """Where among all the branches stand that begin below messages `low` to `high`."""
        begin, end = ((seq, 0) for seq in (low, high + 1))
        return range(bisect_left(self._by_parent, begin), bisect_left(self._by_parent, end))

    def _end(self, seq: int) -> int:
        """The last message of the run that `seq` is in."""
        place = bisect_right(self._begins, seq)
        return self._begins[place] - 1 if place < len(self._begins) else self._last


class Path:
    """Which messages lie on the path to `tip`."""

    def __init__(self, tree: Tree, tip: int) -> None:
        self._runs = tree.path(tip)[::-1]

    def __contains__(self, seq: int) -> bool:
        place = bisect_right(self._runs, seq, key=lambda run: run[0]) - 1
        return place >= 0 and seq <= self._runs[place][1]
