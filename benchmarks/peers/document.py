"""docs/benchmarks-peers.md and its pictures, made from one run."""

from __future__ import annotations

import re
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
- Bytes on disk: tables with their indexes and TOAST, for conversations of 100 messages, two an append.
- PostgreSQL is the embedded one with its ordinary settings, on a fresh folder; `fsync` is on.
"""


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


def verdicts(workloads: list[Workload], peers: list[str]) -> list[str]:
    """Where somebody is ahead of Recollect, and by how much."""
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
            lines.append(f"- {workload.name}: {best} is ahead, {1 / lead:.2f} times.")
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


def write(
    surroundings: list[str],
    versions: dict[str, str],
    left_out: dict[str, str],
    workloads: list[Workload],
    found: Found,
) -> None:
    """Write the page and its pictures."""
    names = list(versions)
    peers = [name for name in names if name not in (FLOOR.name, OURS.name)]
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        old.unlink()
    pictures: list[str] = []
    for workload in workloads:
        file = re.sub(r"[^a-z0-9]+", "-", workload.name.lower()).strip("-") + ".svg"
        (PICTURES / file).write_text(plot(workload, names, OURS.name, FLOOR.name), encoding="utf-8")
        pictures.append(f"![{workload.name}](benchmarks-peers/{file})")
    described = ", ".join(f"{name} {version}" for name, version in versions.items())
    failed = failures(workloads)
    page = [
        INTRODUCTION.strip(),
        "\n".join(f"- {line}" for line in [*surroundings, described]),
        "\n".join(verdicts(workloads, peers)),
        "\n".join(table(workloads, names)),
        *(["Failed:", "\n".join(failed)] if failed else []),
        *(f"Left out: {name}, {why}." for name, why in left_out.items()),
        "## Gates",
        "What a store of conversations must not do wrong, tried on each "
        "(`benchmarks/peers/programs/peer.py`). "
        "`python -m benchmarks.peers --gates --only NAME` shows one system's.",
        "\n".join(gates(found, names)),
        METHOD.strip(),
        "## Pictures",
        "\n\n".join(pictures),
    ]
    DOCUMENT.write_text("\n\n".join(page) + "\n", encoding="utf-8")
