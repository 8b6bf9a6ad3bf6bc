"""Measure, print the table, and with `--write` put it into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from benchmarks.baseline import Baseline
from benchmarks.contexts import measure_contexts
from benchmarks.document import DOCUMENT, document
from benchmarks.prefix_cache import MAX_TOKENS, measure_prefix_cache
from benchmarks.report import Row, aligned
from benchmarks.rounds import FULL, QUICK, Extent
from benchmarks.server_cost import measure_servers
from benchmarks.start_up import measure_starts
from benchmarks.storage import measure_appends, measure_loads
from benchmarks.surroundings import Surroundings
from benchmarks.tool_calls import measure_tool_calls
from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.settings import Settings

GROUPS = ("appends", "loads", "contexts", "cache", "tools", "servers", "starts")


def main() -> int:
    """Exit code 0, unless `--strict` is given and a figure is missed."""
    arguments = _arguments()
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    began = time.monotonic()
    findings: list[str] = []
    with tempfile.TemporaryDirectory(prefix="rb", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        server = EmbeddedPostgres(home)
        try:
            url = server.ensure()
            extent = QUICK if arguments.quick else FULL
            rows, surroundings = asyncio.run(
                _measure(url, home, extent, arguments.only or list(GROUPS), findings)
            )
        finally:
            server.release()
            stop(home)
    surroundings.seconds = time.monotonic() - began
    print("\n\n".join([str(surroundings), aligned(rows), *findings]) + "\n")
    missed = [row for row in rows if row.met is False]
    bounded = sum(row.bound is not None for row in rows)
    print(f"{bounded - len(missed)} of {bounded} figures are within their bounds.")
    if arguments.write:
        DOCUMENT.write_text(document(rows, findings, surroundings), encoding="utf-8")
    return 1 if arguments.strict and missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; less than a minute")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a figure is missed")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--only", action="append", choices=GROUPS, help="measure only this; may be repeated")
    return parser.parse_args()


async def _measure(
    url: str, home: Path, extent: Extent, groups: list[str], findings: list[str]
) -> tuple[list[Row], Surroundings]:
    settings = Settings.model_validate({"home": home, "pool_size": 1})
    connection = await asyncpg.connect(**parse_url(url).connect_args)
    rows: list[Row] = []
    try:
        async with Recollect.open(settings) as store:
            history = store.for_user(settings.user_id)
            surroundings = await Surroundings.look(connection)
            baseline = Baseline(connection)
            await baseline.create_tables()
            for group in groups:
                _say(f"measuring {group} …")
                match group:
                    case "appends":
                        rows += await measure_appends(history, baseline, extent)
                    case "loads":
                        rows += await measure_loads(history, baseline, extent)
                    case "contexts":
                        rows += await measure_contexts(history, baseline, extent)
                    case "cache":
                        ours, sliding = await measure_prefix_cache(history, extent.turns)
                        findings.append(
                            f"Of the tokens of {extent.turns:,} contexts of {MAX_TOKENS:,} tokens, in a "
                            f"conversation of as many turns, an exact-prefix cache would have served {ours}; "
                            f"of windows that slide by one message {sliding}."
                        )
                    case "tools":
                        rows += await measure_tool_calls(history, home, extent)
                    case "servers":
                        rows += await measure_servers(history, baseline, url, home, extent)
                    case _:
                        rows += await measure_starts(home, extent)
    finally:
        await connection.close()
    return rows, surroundings


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
