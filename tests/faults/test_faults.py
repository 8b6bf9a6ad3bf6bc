"""The short form of `make faults`: clients under load, everything breaks once, and the checker is content."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from faults.chaos import FAULTS, NEEDS_PGBOUNCER
from faults.full_disk import cannot_mount
from faults.outcome import Outcome
from faults.phases import QUICK, broken_at_random, clock_stepped, disk_filled, forgetful, upgraded_under_load
from faults.stepped_clock import MISSING, library
from tests.pgbouncer import programs

SEED = 1


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder with a path short enough for a socket, which other accounts can reach."""
    with tempfile.TemporaryDirectory(prefix="rf", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def check(outcome: Outcome) -> Counter[str]:
    assert outcome.complaints == []
    assert outcome.counts["appends acknowledged"] > 100
    assert outcome.counts["acknowledged appends sent once more"] > 0
    return outcome.counts


async def test_everything_breaks_and_nothing_is_lost_doubled_torn_or_foreign(folder: Path) -> None:
    outcome = await broken_at_random(folder, QUICK, SEED)
    counts = check(outcome)
    possible = {fault.__name__ for fault in FAULTS if programs() or fault not in NEEDS_PGBOUNCER}
    assert outcome.recovered.keys() == possible
    assert counts["of these only after a retry"] > 0
    assert counts["reads"] > 20


async def test_an_upgrade_under_load_loses_nothing(folder: Path) -> None:
    check(await upgraded_under_load(folder, QUICK, SEED))


@pytest.mark.skipif(cannot_mount() is not None, reason=f"no small filesystem: {cannot_mount()}")
async def test_a_full_disk_loses_nothing(folder: Path) -> None:
    check(await disk_filled(folder, QUICK, SEED))


@pytest.mark.skipif(library() is None, reason=MISSING)
async def test_a_clock_that_jumps_reorders_nothing(folder: Path) -> None:
    check(await clock_stepped(folder, QUICK, SEED))


async def test_a_database_that_forgets_what_it_acknowledged_is_found_out(folder: Path) -> None:
    """The proof that the run can fail."""
    outcome = await forgetful(folder, QUICK, SEED)
    assert "lost" in {complaint.kind for complaint in outcome.complaints}
