"""Measure Recollect beside the others; `--write` puts it into docs/benchmarks-peers.md.

The others are installed into environments of their own in `.cache/peers`, from PyPI, once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg

from benchmarks.peers import document
from benchmarks.peers.document import Run
from benchmarks.peers.gates import try_gates
from benchmarks.peers.over_mcp import measure_servers
from benchmarks.peers.peers import ALL, FLOOR, OURS, PeerSpec, interpreter, version
from benchmarks.peers.process import Failed, PeerProcess
from benchmarks.peers.workloads import FULL, QUICK, Extent, measure_all
from benchmarks.surroundings import Surroundings
from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.migrate import migrate
from recollect.db.target import parse_url
from scripts import environment
from tests.conftest import on_database


def main() -> int:
    """Exit code 0, unless Recollect itself fails at a gate."""
    arguments = _arguments()
    wanted = {FLOOR.name, OURS.name, *(arguments.only or [spec.name for spec in ALL])}
    chosen = [] if arguments.mcp else [spec for spec in ALL if spec.name in wanted]
    run = Run()
    pythons: dict[str, Path] = {}
    for spec in chosen:
        _say(f"preparing {spec.name} …")
        try:
            pythons[spec.name] = interpreter(spec)
        except environment.NotInstalled as error:
            run.left_out[spec.name] = f"it could not be installed: {str(error)[-300:]}"
    extent = None if arguments.gates else QUICK if arguments.quick else FULL
    chosen = [spec for spec in chosen if spec.name in pythons]
    with tempfile.TemporaryDirectory(prefix="rb", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        server = EmbeddedPostgres(home)
        try:
            asyncio.run(_measure(run, server.ensure(), Path(folder), chosen, pythons, extent))
        finally:
            server.release()
            stop(home)
    _print(run)
    if arguments.write:
        document.write(run)
    return 1 if any(found.get(OURS.name) for found in run.gates.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    names = [spec.name for spec in ALL]
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, few rounds; less than five minutes"
    )
    parser.add_argument("--gates", action="store_true", help="try the gates alone")
    parser.add_argument("--mcp", action="store_true", help="measure the MCP servers alone")
    parser.add_argument(
        "--write", action="store_true", help="write docs/benchmarks-peers.md and its pictures"
    )
    parser.add_argument(
        "--only", action="append", choices=names, help="beside ours and the floor; repeatable"
    )
    return parser.parse_args()


async def _measure(
    run: Run, url: str, logs: Path, chosen: list[PeerSpec], pythons: dict[str, Path], extent: Extent | None
) -> None:
    began = time.monotonic()
    admin = await asyncpg.connect(**parse_url(url).connect_args)
    surroundings = await Surroundings.look(admin)
    async with AsyncExitStack() as stack:
        peers: list[PeerProcess] = []
        for number, spec in enumerate(chosen):
            await admin.execute(f"CREATE DATABASE peer_{number}")
            database = on_database(url, f"peer_{number}")
            if spec is OURS:
                await asyncio.to_thread(migrate, parse_url(database))
            try:
                peer = PeerProcess(spec, pythons[spec.name], database, logs / f"peer-{number}.log")
                peers.append(await stack.enter_async_context(peer))
            except Failed as error:
                run.left_out[spec.name] = str(error)
                continue
            run.versions[spec.name] = version(spec, pythons[spec.name])
        if peers:
            if extent is not None:
                run.workloads = await measure_all(peers, extent, _say)
            run.gates = await try_gates(peers, _say)
        if extent is not None:
            await admin.execute("CREATE DATABASE over_mcp")
            database = on_database(url, "over_mcp")
            await asyncio.to_thread(migrate, parse_url(database))
            run.over_mcp, left_out = await measure_servers(database, logs, extent, _say)
            run.left_out |= left_out
    await admin.close()
    surroundings.seconds = time.monotonic() - began
    run.surroundings = surroundings.lines()
    if extent is QUICK:
        run.surroundings.append("the short form (`--quick`): small sizes and few calls")


def _print(run: Run) -> None:
    print("\n".join(run.surroundings))
    for name, why in run.left_out.items():
        print(f"left out: {name}: {why}")
    print()
    for workloads in (run.workloads, run.over_mcp):
        if workloads:
            print("\n".join(document.figures(workloads)), end="\n\n")
    if run.gates:
        print("\n".join(document.gates(run.gates, list(run.versions))))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    sys.exit(main())
