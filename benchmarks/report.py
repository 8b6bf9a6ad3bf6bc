"""What was measured, set against what it may cost, as lines of a table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from benchmarks.rounds import Timing


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    what, base:  names of what was measured, and of what it is compared with.
    ratios:      one a round, ascending; their median is the figure.
    bound:       what the figure may be at most; None where it only informs.
    """

    what: str
    base: str
    ours: Timing
    theirs: Timing
    bound: float | None

    @property
    def ratios(self) -> list[float]:
        return self.ours.against(self.theirs)

    @property
    def figure(self) -> float:
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool | None:
        return None if self.bound is None else round(self.figure, 2) <= self.bound


HEADER = ("measured", "p50 ms", "p95 ms", "compared with", "p50 ms", "p95 ms", "ratio", "range", "bound", "")


def cells(row: Row) -> tuple[str, ...]:
    """One row of the table, under `HEADER`."""
    low, high = row.ratios[0], row.ratios[-1]
    return (
        row.what,
        _milliseconds(row.ours.p50),
        _milliseconds(row.ours.p95),
        row.base,
        _milliseconds(row.theirs.p50),
        _milliseconds(row.theirs.p95),
        f"{row.figure:.2f}",
        f"{low:.2f} to {high:.2f}",
        "" if row.bound is None else f"{row.bound:.2f}",
        "" if row.met is None else ("met" if row.met else "MISSED"),
    )


def aligned(rows: list[Row]) -> str:
    """The table for a terminal."""
    lines = [HEADER, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown(rows: list[Row]) -> str:
    """The same table for a document."""
    lines = [HEADER, ("---",) * len(HEADER), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:.3f}"
