"""`recollect db`: show and control the embedded PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recollect.db.embedded import EmbeddedPostgres, Status, status, stop
from recollect.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Show and control the PostgreSQL that Recollect runs by itself.\n\n"
        "It starts when it is needed and stops half a minute after its last user has gone, so there is"
        " nothing to do by hand. It is not used where RECOLLECT_DATABASE_URL names another database."
    ),
)


@app.command("status")
def show_status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show whether it runs, and where everything is. Starts nothing."""
    settings = Settings()
    found = status(settings.data_home())
    if as_json:
        print(json.dumps(asdict(found), indent=2, default=str))
        return
    rows = list(_rows(found).items())
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    if settings.database_url is not None:
        print("\nIt is not used: RECOLLECT_DATABASE_URL names another database.")


@app.command("stop")
def stop_server(
    timeout: Annotated[float, typer.Option(help="Seconds to wait until it has stopped.", min=0)] = 30.0,
) -> None:
    """Stop it now. A running server of Recollect starts it again when it needs it."""
    print("Stopped." if stop(Settings().data_home(), timeout) else "It was not running.")


@app.command("path")
def show_path() -> None:
    """Print the folder that holds the data."""
    found = status(Settings().data_home())
    print(found.data or found.folder)


@app.command("url")
def show_url() -> None:
    """Print its URL, for example for `psql "$(recollect db url)"`. Starts it if needed.

    It goes on running while somebody is connected.
    """
    print(EmbeddedPostgres(Settings().data_home()).ensure())


def _rows(found: Status) -> dict[str, str | int | Path]:
    rows: dict[str, str | int | Path | None] = {
        "state": "running" if found.running else "stopped",
        "in use": "yes" if found.clients else "no",
        "version": f"PostgreSQL {found.version}" if found.version else None,
        "url": found.url,
        "data": found.data or f"none yet; will be in {found.folder}",
        "programs": found.binaries,
        "log": found.log,
        "supervisor": found.supervisor_pid,
        "postmaster": found.postmaster_pid,
    }
    return {name: value for name, value in rows.items() if value is not None}
