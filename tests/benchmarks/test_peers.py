"""The comparison with other systems: its gates, on the two that need no installation, and its page."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers import document
from benchmarks.peers.gates import GATES, try_gates
from benchmarks.peers.peers import FLOOR, OURS, PeerSpec
from benchmarks.peers.plots import plot
from benchmarks.peers.process import PeerProcess
from benchmarks.peers.workloads import Workload


async def test_recollect_passes_every_gate(database_url: str, tmp_path: Path) -> None:
    assert await tried(OURS, database_url, tmp_path) == dict.fromkeys(GATES, "")


async def test_a_store_without_keys_and_users_fails_at_them(empty_database_url: str, tmp_path: Path) -> None:
    found = await tried(FLOOR, empty_database_url, tmp_path)
    assert found["order"] == ""
    assert found["retry"] == "it is there 2 times"
    assert found["windows"].startswith("torn at 5 of 20 sizes")
    assert "NUL: " in found["exact"]
    assert "a lone surrogate: " in found["exact"]
    assert "5 MB" not in found["exact"]
    assert "no users" in found["user"]


async def tried(spec: PeerSpec, url: str, folder: Path) -> dict[str, str]:
    async with PeerProcess(spec, Path(sys.executable), url, folder / "log") as peer:
        found = await try_gates([peer], lambda _: None)
    return {gate: said[spec.name] for gate, said in found.items()}


def compared() -> list[Workload]:
    slow = Workload("append", "ms", False, {FLOOR.name: [1.0], OURS.name: [2.0, 9.0, 3.0], "other": [6.0]})
    ahead = Workload("turns", "turns/s", True, {OURS.name: [100.0], "other": [150.0]})
    ahead.cannot["poor"] = "failed: it ended: <badly>"
    alone = Workload("list", "ms", False, {OURS.name: [1.0]}, {"other": "no such thing"})
    return [slow, ahead, alone]


def test_whoever_is_ahead_is_named() -> None:
    assert document.verdicts(compared(), ["other", "poor"]) == [
        "Recollect is ahead of every other system on 1 of 2 workloads that both can do.",
        "",
        "Not on:",
        "",
        "- turns: other is ahead, 1.50 times.",
    ]


def test_the_table_shows_medians_and_their_ratio() -> None:
    lines = document.table(compared(), [FLOOR.name, OURS.name, "other", "poor"])
    assert lines[2] == "| append | ms | 1 (0.33) | 3 | 6 (2.00) | - |"
    assert lines[3] == "| turns | turns/s | - | 100 | 150 (1.50) | failed |"
    assert document.failures(compared()) == ["- turns: poor failed: it ended: <badly>."]


def test_a_picture_has_a_bar_for_each_that_can() -> None:
    picture = plot(compared()[1], [OURS.name, "other", "poor"], OURS.name, FLOOR.name)
    assert picture.count("<rect") == 1 + 2
    assert "more is better" in picture
    assert ">failed<" in picture
