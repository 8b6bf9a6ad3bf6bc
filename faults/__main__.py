"""Break everything, check everything, print what was found; `--write` puts it into docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from faults.full_disk import cannot_mount
from faults.outcome import Outcome
from faults.phases import (
    FULL,
    QUICK,
    Extent,
    broken_at_random,
    clock_stepped,
    disk_filled,
    say,
    upgraded_under_load,
)
from faults.report import DOCUMENT, Report
from faults.stepped_clock import MISSING, library
from tests.pgbouncer import MISSING as NO_PGBOUNCER
from tests.pgbouncer import programs

PHASES: dict[str, Callable[[Path, Extent, int], Awaitable[Outcome]]] = {
    "main": broken_at_random,
    "upgrade": upgraded_under_load,
    "disk": disk_filled,
    "clock": clock_stepped,
}


def main() -> int:
    """Exit code 0 if the checker had nothing to say."""
    arguments = _arguments()
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        if not name.startswith("RECOLLECT_TEST_"):
            del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    report = Report(arguments.seed, arguments.quick)
    with tempfile.TemporaryDirectory(prefix="rf", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        try:
            asyncio.run(_run(report, Path(folder), arguments.only or list(PHASES)))
        finally:
            if arguments.keep is not None:
                records = shutil.ignore_patterns("site", "server", "disk", "disk.img")
                shutil.copytree(folder, arguments.keep, ignore=records, dirs_exist_ok=True)
    print(report)
    if arguments.write:
        DOCUMENT.write_text(report.markdown() + "\n", encoding="utf-8")
    return 1 if report.complaints else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each fault once; about a minute")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    parser.add_argument("--only", action="append", choices=PHASES, help="only this phase; may be repeated")
    parser.add_argument("--keep", type=Path, help="folder for the clients' records and logs")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of chance")
    return parser.parse_args()


async def _run(report: Report, folder: Path, phases: list[str]) -> None:
    impossible = {
        "pgbouncer_restarted": None if programs() else NO_PGBOUNCER,
        "disk_filled": cannot_mount(),
        "clock_stepped": None if library() else MISSING,
    }
    report.left_out = {fault: why for fault, why in impossible.items() if why}
    for name in phases:
        if PHASES[name].__name__ in report.left_out:
            continue
        say(f"{name} …")
        outcome = await PHASES[name](folder, QUICK if report.quick else FULL, report.seed)
        report.outcomes.append(outcome)


if __name__ == "__main__":
    sys.exit(main())
