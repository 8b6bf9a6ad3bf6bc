"""What a run under load measured: for a terminal, and as a section of docs/benchmarks.md."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.document import DOCUMENT, LOAD
from benchmarks.sections import write_section
from benchmarks.surroundings import Surroundings

HEADER = ("", "requests", "failed", "a second", "p50 ms", "p95 ms", "p99 ms")


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of request.

    seconds:   of each.
    lasted:    from the first request to the last answer.
    failures:  what those said that failed.
    """

    what: str
    door: str
    seconds: list[float]
    lasted: float
    failures: list[str]

    def percentile(self, percent: int) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, round(percent / 100 * len(ordered)))]

    def cells(self) -> tuple[str, ...]:
        times = (f"{self.percentile(percent) * 1000:.1f}" for percent in (50, 95, 99))
        return (
            self.what,
            f"{len(self.seconds):,}",
            f"{len(self.failures)}",
            f"{len(self.seconds) / self.lasted:,.0f}",
            *times,
        )


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A whole run.

    whole:  how many conversations hold both messages of their turn.
    bound:  seconds that the 95th percentile of the even load may be at most.
    """

    surroundings: Surroundings
    measured: list[Measured]
    conversations: int
    users: int
    whole: int
    connections: int
    bound: float

    @property
    def failed(self) -> bool:
        """Whether a request failed, or something is not stored that was acknowledged."""
        return self.whole != self.conversations or any(one.failures for one in self.measured)

    def text(self) -> str:
        """For a terminal: the section, and what went wrong first."""
        problems = [problem for one in self.measured for problem in one.failures[:3]]
        return "\n".join([*problems, self.section()])

    def write(self) -> None:
        """Put the section into the document."""
        write_section(DOCUMENT, LOAD, self.section())

    def section(self) -> str:
        rows = [HEADER, ("---",) * len(HEADER), *(one.cells() for one in self.measured)]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        machine = "\n".join(f"- {line}" for line in self.surroundings.lines())
        return "\n\n".join(
            [
                "## Under load",
                f"Written by `python -m benchmarks.load --write`. {self.conversations:,} conversations of "
                f"{self.users:,} users, all in the middle of a turn at the same time: every turn is opened "
                "before the first answer is appended, half of them over MCP and half over REST. "
                f"{self.connections} connections ask as fast as they are answered; the client, the "
                "server's two workers and PostgreSQL share the machine. The bare server is the SDK's, with "
                "two workers and tools that do nothing, in the same run.",
                machine,
                table,
                self._turns(),
                self._verdict(),
            ]
        )

    def _turns(self) -> str:
        doors = {one.door: one for one in self.measured}
        rates: list[str] = []
        for door in ("MCP", "REST", "bare"):
            if door in doors:
                parts = [one for one in self.measured if one.door == door]
                rate = len(parts[0].seconds) / sum(one.lasted for one in parts)
                rates.append(f"{rate:,.0f} {'on the bare server' if door == 'bare' else f'over {door}'}")
        return f"Whole turns a second: {', '.join(rates)}."

    def _verdict(self) -> str:
        failed = sum(len(one.failures) for one in self.measured)
        even = next(one for one in self.measured if one.door == "even").percentile(95)
        met = "met" if even < self.bound else "MISSED"
        return (
            f"{failed} requests failed; {self.whole:,} of {self.conversations:,} conversations hold both "
            f"messages of their turn. At the even rate, the 95th percentile is {even * 1000:.0f} ms; the "
            f"bound of {self.bound * 1000:.0f} ms is {met}."
        )
