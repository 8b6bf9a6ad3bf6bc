"""What a run found, for a terminal and as docs/reliability.md."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from faults import checker
from faults.chaos import FAULTS, told
from faults.outcome import Outcome
from faults.phases import clock_stepped, disk_filled, upgraded_under_load
from recollect.db.embedded.binaries import find_binaries
from tests.pgbouncer import programs
from tests.pgbouncer import version as pgbouncer_version

DOCUMENT = Path(__file__).parent.parent / "docs" / "reliability.md"

PACKAGES = ("recollect", "asyncpg", "mcp", "uvicorn")

TOLD = {fault.__name__: told(fault) for fault in (*FAULTS, upgraded_under_load, disk_filled, clock_stepped)}
"""Every fault, in the words of its function."""


@dataclass(slots=True)
class Report:
    """One run. left_out: faults that were not possible on this machine, and why."""

    seed: int
    quick: bool
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    left_out: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def complaints(self) -> list[checker.Complaint]:
        return [complaint for outcome in self.outcomes for complaint in outcome.complaints]

    @property
    def counts(self) -> Counter[str]:
        return sum((outcome.counts for outcome in self.outcomes), Counter[str]())

    @property
    def recovered(self) -> dict[str, list[float]]:
        return {fault: took for outcome in self.outcomes for fault, took in outcome.recovered.items()}

    @property
    def seconds(self) -> float:
        return sum(outcome.seconds for outcome in self.outcomes)

    def surroundings(self) -> list[str]:
        pooler = f"PgBouncer {'.'.join(map(str, pgbouncer_version(programs()[0])))}" if programs() else ""
        return [
            f"{self.began:%Y-%m-%d %H:%M} UTC, in {self.seconds:.0f} seconds, seed {self.seed}"
            + (", the short form" if self.quick else ""),
            f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()} {platform.machine()}",
            f"Python {platform.python_version()}, "
            + ", ".join(f"{package} {version(package)}" for package in PACKAGES),
            ", ".join(filter(None, [f"PostgreSQL {find_binaries([]).version}, embedded, fsync on", pooler])),
        ]

    def verdict(self) -> str:
        if not self.complaints:
            return (
                f"No complaint about {self.counts['appends acknowledged']:,} acknowledged appends and "
                f"{self.counts['reads']:,} reads: nothing lost, doubled, torn, reordered or foreign."
            )
        kinds = Counter(complaint.kind for complaint in self.complaints)
        return "COMPLAINTS: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())

    def __str__(self) -> str:
        lines = [*self.surroundings(), ""]
        lines += [f"{count:>12,}  {what}" for what, count in self.counts.items()]
        lines += [
            "",
            *(f"{len(took):>4} times {fault}, at most {max(took):.1f} s" for fault, took in self._took()),
        ]
        lines += ["", *(f"left out: {name}: {why}" for name, why in self.left_out.items())]
        lines += [f"{complaint.kind}: {complaint.says}" for complaint in self.complaints[:50]]
        return "\n".join([*lines, self.verdict()])

    def _took(self) -> list[tuple[str, list[float]]]:
        return [(fault, self.recovered[fault]) for fault in TOLD if fault in self.recovered]

    def markdown(self) -> str:
        faults = ["| what breaks | times | all clients went on after, at most |", "|---|---:|---:|"]
        faults += [f"| {TOLD[fault]} | {len(took)} | {max(took):.1f} s |" for fault, took in self._took()]
        counts = ["| | |", "|---|---:|", *(f"| {what} | {count:,} |" for what, count in self.counts.items())]
        missing = [fault for fault in TOLD if fault not in self.recovered]
        left_out = [
            f"- Not done in this run ({self.left_out.get(fault, 'not asked for')}): {TOLD[fault]}"
            for fault in missing
        ]
        return "\n\n".join(
            [
                INTRODUCTION.strip(),
                "\n".join(f"- {line}" for line in [*self.surroundings(), *_of_phases(self.outcomes)]),
                f"**{self.verdict()}**",
                "## What broke",
                "\n".join(faults),
                *(["\n".join(left_out)] if left_out else []),
                "## What the clients did",
                "\n".join(counts),
                "## What the checker looks for",
                "\n".join(_kinds()),
                METHOD.strip(),
            ]
        )


def _of_phases(outcomes: list[Outcome]) -> list[str]:
    acked: Mapping[str, int] = {each.phase: each.counts["appends acknowledged"] for each in outcomes}
    return ["acknowledged appends by phase: " + ", ".join(f"{name} {n:,}" for name, n in acked.items())]


def _kinds() -> list[str]:
    """The checker's own list of complaints."""
    lines = [line[4:] for line in (checker.__doc__ or "").splitlines() if line.startswith("    ")]
    return [f"- **{line[:12].strip()}**: {line[12:].strip()}" for line in lines]


INTRODUCTION = """# What holds when things break

Written by `make faults ARGS=--write`: every figure below is from the one run described here.

Clients in several processes write and read, by every way in, while everything beneath them is killed,
cut, locked and filled. They write down what they sent, what they were answered and what they read. In
the end a checker, which knows nothing of Recollect, compares their histories with each other and with
the tables.
"""

METHOD = """## How it is done

- The clients (`faults/writer.py`): several tasks a process, two users, conversations that all of them
  share. They append one to four messages under a key, with an expected head, as a branch, or without a
  key; begin turns and conversations; read on from what they have seen; send acknowledged appends once
  more; and try to see the other user's conversations. Whatever may be tried again is tried again, under
  the same key, until it works out.
- The ways in: the library on PostgreSQL directly, through PgBouncer in transaction mode, and through a
  TCP proxy with a single connection for all tasks; and MCP over HTTP, through another TCP proxy, to
  `recollect serve` with two workers and access tokens. During the upgrade also the SQL function that
  the released revision 0001 calls.
- After each fault every client has to be acknowledged something within a minute; the longest time
  that this took is in the table. It contains the time that PostgreSQL or the server needs to start.
- The checker (`faults/checker.py`) imports nothing of the product. Its tests
  (`tests/faults/test_checker.py`) give it histories and tables that are spoiled in one way each, and
  it has to name every one.
- The run can fail: where PostgreSQL is told to acknowledge before it writes down (`synchronous_commit =
  off`) and is killed, the checker misses what was acknowledged (`tests/faults/test_faults.py`).
- The clock of the machine is left alone: PostgreSQL and one client see a stepped one, by libfaketime.
- The short form, each fault once, is among the tests (`make faults ARGS=--quick`). A run's order of faults
  follows from its seed (`--seed`); how processes interleave does not.
"""
