"""Load up to 50 million messages of 100,000 users, and see what append, context, list and search cost.

    python -m benchmarks.growth --write             hours; writes docs/capacity.md after each stop
    python -m benchmarks.growth --quick             two minutes; a look at whether it works
    python -m benchmarks.growth --partitions 16     beside it, as far as 10 million, with partitions

An embedded PostgreSQL of its own on a fresh folder, with the settings as they are shipped. The load ends
early, and says why, before the run takes more than 55 GB of disk, leaves less than 10 GB of it free, or
would take longer than `--minutes`; what was loaded is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from benchmarks.growth import document
from benchmarks.growth.found import Plan
from benchmarks.growth.room import GIGABYTE, Room
from benchmarks.growth.run import run
from benchmarks.growth.tables import AIM
from benchmarks.growth.verbs import FULL, QUICK
from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.settings import Settings

STOPS = (1_000_000, 10_000_000, AIM)
QUICK_STOPS = (20_000, 60_000)
FEWEST = 5_000
"""In each part of the load: the guests who come with it are among them."""


def main() -> int:
    arguments = _arguments()
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    signal.signal(signal.SIGTERM, _end)  # so that the data folder is removed then, too
    with tempfile.TemporaryDirectory(prefix="rg", dir=arguments.folder, ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        room = Room(Path(folder), arguments.gigabytes * GIGABYTE)
        server = EmbeddedPostgres(home)
        try:
            asyncio.run(_run(server.ensure(), _plan(arguments), room, write=arguments.write))
        finally:
            server.release()
            stop(home)
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    messages: int = arguments.messages or (QUICK_STOPS if arguments.quick else STOPS)[-1]
    stops: list[int] = arguments.stops or [*(QUICK_STOPS if arguments.quick else STOPS)]
    stops = sorted({*(each for each in stops if each < messages), messages})
    if any(part < FEWEST for part in map(int.__sub__, stops, [0, *stops])):
        raise SystemExit(f"each stop needs at least {FEWEST:,} messages more than the one before")
    return Plan(
        stops=stops,
        users=arguments.users,
        extent=QUICK if arguments.quick else FULL,
        minutes=arguments.minutes,
        partitions=arguments.partitions,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--messages", type=int, help="in the end; 50,000,000, or 60,000 if quick")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument(
        "--stops", type=int, nargs="+", help="where to measure; 1 and 10 million, and the end"
    )
    parser.add_argument("--partitions", type=int, default=0, help="of a second table of messages")
    parser.add_argument("--minutes", type=float, default=600, help="about as long the run may take")
    parser.add_argument("--gigabytes", type=int, default=55, help="as much disk the run may take")
    parser.add_argument("--folder", type=Path, help="for the data, on a disk with room; else a temporary one")
    parser.add_argument("--quick", action="store_true", help="few messages, few rounds")
    parser.add_argument("--write", action="store_true", help="write docs/capacity.md")
    return parser.parse_args()


async def _run(server: str, plan: Plan, room: Room, *, write: bool) -> None:
    settings = Settings.model_validate({})
    page = ""
    async for found in run(server, plan, room, settings):
        page = document.page(found)
        if write:
            document.DOCUMENT.write_text(page, encoding="utf-8")
    print(page)


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit("ended before it was done")


if __name__ == "__main__":
    sys.exit(main())
