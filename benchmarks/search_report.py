"""What searches took: for a terminal, and as a section of docs/search.md."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.sections import DOCS, write_section
from benchmarks.surroundings import Surroundings

DOCUMENT = DOCS / "search.md"
SECTION = "search cost"

BOUNDS = {10_000: 0.030, 100_000: 0.150}
"""Seconds by the clock that the 95th percentile may take at most, by the messages of the user."""

BOUND_BESIDE = 1.2
"""How many times the processor time of the same user alone a search may take beside others."""

HEADER = (
    "messages of the user",
    "beside others'",
    "clock, p50",
    "p95",
    "processor, p50",
    "p95",
    "times alone",
)


@dataclass(slots=True, eq=False)
class Measured:
    """Searches of one user: the seconds of each by the clock, and those that the server worked for it.

    alone:  the same user on a server of its own; None for that one itself.
    """

    size: int
    others: int
    alone: Measured | None
    clock: list[float]
    processor: list[float]

    @property
    def times(self) -> float | None:
        """The processor's median, as a multiple of that alone."""
        return at(self.processor, 0.5) / at(self.alone.processor, 0.5) if self.alone else None

    def cells(self) -> tuple[str, ...]:
        figures = (at(seconds, share) for seconds in (self.clock, self.processor) for share in (0.5, 0.95))
        return (
            f"{self.size:,}",
            f"{self.others:,}" if self.others else "none",
            *(f"{1000 * figure:.1f} ms" for figure in figures),
            "" if self.times is None else f"{self.times:.2f}",
        )

    def verdicts(self) -> list[str]:
        """What was demanded of it, and whether that was met."""
        beside = f" beside {self.others:,} of others" if self.others else ""
        found: list[str] = []
        if self.size in BOUNDS:
            bound, worst = BOUNDS[self.size], at(self.clock, 0.95)
            found.append(
                f"{self.size:,} messages{beside}: the 95th percentile by the clock is {1000 * worst:.0f} ms, "
                f"the bound of {1000 * bound:.0f} ms is {_met(worst <= bound)}."
            )
        if self.times is not None:
            found.append(
                f"{self.size:,} messages{beside}: {self.times:.2f} times the processor time of the same user "
                f"alone, the bound of {BOUND_BESIDE} is {_met(round(self.times, 2) <= BOUND_BESIDE)}."
            )
        return found


def at(seconds: list[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]


def section(measured: list[Measured], surroundings: Surroundings) -> str:
    rows = [HEADER, ("---",) * len(HEADER), *(each.cells() for each in measured)]
    return "\n\n".join(
        [
            "\n".join(f"- {line}" for line in surroundings.lines()),
            "\n".join(f"| {' | '.join(row)} |" for row in rows),
            "\n".join(f"- {verdict}" for each in measured for verdict in each.verdicts()),
        ]
    )


def write(measured: list[Measured], surroundings: Surroundings) -> None:
    write_section(DOCUMENT, SECTION, section(measured, surroundings))


def _met(met: bool) -> str:
    return "met" if met else "MISSED"
