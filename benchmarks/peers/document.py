"""docs/benchmarks-peers.md and its pictures, made from one run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.gates import GATES, Found
from benchmarks.peers.peers import FLOOR, OURS
from benchmarks.peers.plots import number, plot
from benchmarks.peers.workloads import Workload

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks-peers.md"
PICTURES = DOCUMENT.parent / "benchmarks-peers"

INTRODUCTION = """# Beside the others

Written by `python -m benchmarks.peers --write`: every figure below is from the one run described here.

Recollect's Python library beside other ways to keep conversations in PostgreSQL, and beside bare asyncpg on
an ideal table, which does no more than store: no users, no idempotency keys, no branches, no row security.
Every system has a process and an environment of its own, and a database of its own on the same server.
"""

OVER_MCP = """
Recollect's stdio server beside others, called by the SDK's client, one call after another: the least SQL on a
bare server of the same SDK (`bare asyncpg`), and two that keep what a model wants to remember, in files. They
know no conversations: a message is an observation of one entity there, or an insight of one project, and what
is read is all of it, or the 50 latest. server-memory writes its file anew for each append, and does not wait
until it is on the disk.
"""

METHOD = """## How it is measured

- In rounds, in which the systems take turns, and whoever was first in one is last in the next. A figure is
  the median of the rounds' medians; in brackets how many times Recollect's it is.
- Every system is used by its own interface, as a program that keeps nothing between calls uses it, with at
  most ten connections (`benchmarks/peers/programs/`). Messages have about 500 bytes.
- A tool turn is a question, a tool call, its result and an answer, in one append.
- LangGraph appends with `aupdate_state`, without running a graph. langchain-postgres and LangGraph have no
  way to read a part: the whole is read and cut. A dash: there is no such thing, such as the conversations
  of a user where there are no users.
- The context of 8,000 tokens of bare asyncpg is the last 80 rows, unrendered.
- Bytes on disk: tables with their indexes and TOAST, for conversations of 100 messages, two an append; once
  without inverted indexes, of which Recollect alone has one. Of few messages such an index is larger for each
  of them than of many, since every word is new.
- PostgreSQL is the embedded one with its ordinary settings, on a fresh folder; `fsync` is on.
"""


@dataclass(slots=True)
class Run:
    """What one run found. versions: by system, those that took part."""

    versions: dict[str, str] = field(default_factory=dict[str, str])
    workloads: list[Workload] = field(default_factory=list[Workload])
    gates: Found = field(default_factory=Found)
    over_mcp: list[Workload] = field(default_factory=list[Workload])
    surroundings: list[str] = field(default_factory=list[str])
    left_out: dict[str, str] = field(default_factory=dict[str, str])


def figures(workloads: list[Workload]) -> list[str]:
    """A table, and beneath it where somebody is ahead or failed."""
    names = _names(workloads)
    lines = ["\n".join(verdicts(workloads, names)), "\n".join(table(workloads, names))]
    failed = failures(workloads)
    return [*lines, "Failed:", "\n".join(failed)] if failed else lines


def table(workloads: list[Workload], names: list[str]) -> list[str]:
    """The figures, one line a workload."""
    lines = [f"| | unit | {' | '.join(names)} |", "|---|---|" + "---:|" * len(names)]
    for workload in workloads:
        cells = [_cell(workload, name) for name in names]
        lines.append(f"| {workload.name} | {workload.unit} | {' | '.join(cells)} |")
    return lines


def _cell(workload: Workload, name: str) -> str:
    value, ours = workload.median(name), workload.median(OURS.name)
    if value is None:
        return "failed" if workload.cannot.get(name, "").startswith("failed") else "-"
    if name == OURS.name or not ours:
        return number(value)
    return f"{number(value)} ({value / ours:.2f})"


WHY = {
    "over stdio$": "It keeps a small file, and does not wait for the disk.",
    "^bytes on disk": "A row also holds its user, its place on a path and the tokens up to there.",
    "^the same with": "No other one has an index of words.",
    "^append": "The words of each message are indexed with it, so that a search finds it at once; no other "
    "one has such an index.",
    "^200 appends": "They get places without gaps, one after the other, and their words are indexed.",
}
"""Why somebody is ahead, by the name of the workload."""


def _names(workloads: list[Workload]) -> list[str]:
    """Who took part, the floor and Recollect first."""
    took_part = dict.fromkeys(name for each in workloads for name in [*each.figures, *each.cannot])
    return sorted(took_part, key=lambda name: (name != FLOOR.name, name != OURS.name))


def verdicts(workloads: list[Workload], names: list[str]) -> list[str]:
    """Where somebody is ahead of Recollect, and by how much."""
    peers = [name for name in names if name not in (FLOOR.name, OURS.name)]
    lines: list[str] = []
    done = 0
    for workload in workloads:
        ours = workload.median(OURS.name)
        theirs = {peer: value for peer in peers if (value := workload.median(peer)) is not None}
        if not ours or not theirs or not all(theirs.values()):
            continue
        done += 1
        best = (max if workload.more else min)(theirs, key=lambda peer: theirs[peer])
        lead = ours / theirs[best] if workload.more else theirs[best] / ours
        if lead < 1:
            why = next((f" {why}" for names, why in WHY.items() if re.search(names, workload.name)), "")
            lines.append(f"- {workload.name}: {best} is ahead, {1 / lead:.2f} times.{why}")
    ahead = f"on {done - len(lines)} of {done} workloads that both can do"
    said = [f"Recollect is ahead of every other system {ahead}."]
    return [*said, "", "Not on:", "", *lines] if lines else said


def failures(workloads: list[Workload]) -> list[str]:
    return [
        f"- {workload.name}: {name} {why}."
        for workload in workloads
        for name, why in workload.cannot.items()
        if why.startswith("failed")
    ]


def gates(found: Found, names: list[str]) -> list[str]:
    """The gates, one line each: ok, or what is wrong."""
    lines = [f"| | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for gate, what in GATES.items():
        cells = [found[gate].get(name, "-") or "ok" for name in names]
        lines.append(f"| {what} | {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return lines


def write(run: Run) -> None:
    """Write the page and its pictures."""
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        old.unlink()
    pictures: list[str] = []
    for workload in [*run.workloads, *run.over_mcp]:
        file = re.sub(r"[^a-z0-9]+", "-", workload.name.lower()).strip("-") + ".svg"
        (PICTURES / file).write_text(
            plot(workload, _names([workload]), OURS.name, FLOOR.name), encoding="utf-8"
        )
        pictures.append(f"![{workload.name}](benchmarks-peers/{file})")
    described = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    page = [
        INTRODUCTION.strip(),
        "\n".join(f"- {line}" for line in [*run.surroundings, described]),
        *figures(run.workloads),
        *(f"Left out: {name}, {why}." for name, why in run.left_out.items()),
        "## Over MCP",
        OVER_MCP.strip(),
        *figures(run.over_mcp),
        "## Gates",
        "What a store of conversations must not do wrong, tried on each "
        "(`benchmarks/peers/programs/peer.py`). "
        "`python -m benchmarks.peers --gates --only NAME` shows one system's.",
        "\n".join(gates(run.gates, list(run.versions))),
        METHOD.strip(),
        "## Pictures",
        "\n\n".join(pictures),
    ]
    DOCUMENT.write_text("\n\n".join(page) + "\n", encoding="utf-8")
