"""`recollect doctor`: is everything as it should be, and what helps where it is not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recollect.cli.clients import CLIENTS, NAME
from recollect.db.connect import connect, replica_target
from recollect.db.connector import Connection, Connector
from recollect.db.embedded import EmbeddedPostgres
from recollect.db.examine import Check, examine
from recollect.db.examine_replica import examine_replica, look_at_primary
from recollect.db.replica import told
from recollect.db.target import Target, parse_url
from recollect.history.chaos import Chaos, wreak
from recollect.models.errors import RecollectError
from recollect.settings import Settings, config_file

CHAOS_SECONDS = 5.0

TESTS = "RECOLLECT_TEST_"
"""Variables of the repository's tests begin so."""

SIGNS = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    chaos: Annotated[
        bool,
        typer.Option(
            "--chaos",
            help="Also append while it kills its own connections, and prove that nothing is lost or doubled.",
        ),
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, max=3600, help=f"How long --chaos goes on; {CHAOS_SECONDS:g} if not given."),
    ] = None,
) -> None:
    """Check the configuration and the database; say what to fix.

    Looks at the database as the running server would, proves that one user cannot see another's
    rows, and changes nothing. With --chaos it writes two conversations of the configured user, and
    removes them again. Ends with exit code 1 if something has failed.
    """
    if seconds is not None and not chaos:
        raise typer.BadParameter("is how long --chaos goes on; give both", param_hint="--seconds")
    settings = Settings()
    checks = _all(settings, (seconds or CHAOS_SECONDS) if chaos else None)
    failed = any(check.status == "failed" for check in checks)
    if as_json:
        print(json.dumps({"ok": not failed, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            print(f"{SIGNS[check.status]}  {check.name:<{width}}  {check.says}")
            if check.fix:
                print(f"{'':{width + 8}}→ {check.fix}")
    if failed:
        raise typer.Exit(1)


def _all(settings: Settings, chaos_seconds: float | None) -> list[Check]:
    """Every check; with seconds the chaos as well, if nothing stands against it."""
    checks = [*_configuration(), *_clients(), Check("database from", "ok", _source(settings))]
    server = EmbeddedPostgres(settings.data_home())
    try:
        if settings.database_url is None:
            target = parse_url(server.ensure(), "none")
        else:
            target = parse_url(settings.database_url.get_secret_value(), settings.pooler)
        checks += asyncio.run(_database(target, settings))
        if chaos_seconds is not None:
            checks.append(_chaos(checks, target, settings, chaos_seconds))
        return checks
    except RecollectError as error:
        return [*checks, Check("database", "failed", " ".join(str(error).split()))]
    finally:
        server.release()


def _chaos(checks: list[Check], target: Target, settings: Settings, seconds: float) -> Check:
    if any(check.status == "failed" for check in checks):
        return Check("chaos", "failed", "not tried, since something else has failed")
    try:
        found = asyncio.run(_wreak(target, settings, seconds))
    except RecollectError as error:
        return Check("chaos", "failed", " ".join(str(error).split()))
    says = (
        f"{found.stored} messages were stored while {found.killed} connections were killed and "
        f"{found.retried} appends repeated"
    )
    if not found.sound:
        wrong = f"{says}: {found.lost} lost, {found.doubled} doubled, {found.misplaced} out of place"
        return Check("chaos", "failed", wrong, "Stop using this database, and report what it is.")
    if not found.killed:
        return Check(
            "chaos", "failed", f"{says}, which proves nothing", "Let nothing change application_name."
        )
    return Check("chaos", "ok", f"{says}: nothing is lost, doubled or out of place")


async def _wreak(target: Target, settings: Settings, seconds: float) -> Chaos:
    async with connect(settings):  # an embedded database that is new gets its schema here
        return await wreak(target, settings, settings.user_id, seconds)


def _configuration() -> list[Check]:
    file = config_file()
    checks = [Check("configuration", "ok", f"environment, {file}{'' if file.exists() else ' (not there)'}")]
    unknown = _unknown_settings(file)
    if unknown:
        says = f"{', '.join(unknown)}: no such setting, and without effect"
        checks.append(Check("settings", "warning", says, "Correct the name; the README lists all."))
    return checks


def _unknown_settings(file: Path) -> list[str]:
    """What is named like a setting and is none: variables, and names in the file."""
    known = {f"RECOLLECT_{name.upper()}" for name in Settings.model_fields} | {"RECOLLECT_CONFIG"}
    found = [
        name
        for name in sorted(os.environ)
        if name.startswith("RECOLLECT_") and name not in known and not name.startswith(TESTS)
    ]
    if file.is_file():
        allowed = {*Settings.model_fields, "RECOLLECT_DATABASE_URL", "DATABASE_URL"}
        names = tomllib.loads(file.read_text(encoding="utf-8"))
        found += [f"{name} in {file}" for name in names if name not in allowed]
    return found


def _clients() -> list[Check]:
    """Whether the clients that have Recollect in their configuration can start it."""
    checks: list[Check] = []
    for name, client in CLIENTS.items():
        path = client.path()
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError):
            continue
        try:
            command = client.command(text)
        except (ValueError, RecursionError):
            if NAME in text:
                checks.append(Check(name, "warning", f"{path} has a form that cannot be looked into"))
            continue
        if command is None:
            continue
        if shutil.which(command):
            checks.append(Check(name, "ok", f"starts {command}"))
        else:
            says = f"starts {command}, which is not there; see {path}"
            checks.append(Check(name, "warning", says, f"recollect install {name}"))
    return checks or [Check("clients", "ok", "none has Recollect; `recollect install` adds it to one")]


def _source(settings: Settings) -> str:
    if settings.database_url is None:
        return f"no RECOLLECT_DATABASE_URL: the embedded PostgreSQL in {settings.data_home()}"
    for name in ("RECOLLECT_DATABASE_URL", "DATABASE_URL"):
        if name in os.environ:
            return name
    return f"database_url in {config_file()}"


async def _database(target: Target, settings: Settings) -> list[Check]:
    connector = Connector(
        target,
        connect_timeout=settings.connect_timeout,
        statement_timeout=settings.statement_timeout,
        before_connect=None,
    )
    connection = await connector.open()
    try:
        pooler = "a transaction-mode pooler in between" if connector.transaction else "no pooler that matters"
        found = await examine(connection)
        found += await _replica(connection, settings)
        if settings.embeddings_url is not None:
            # Imported here: without embeddings nobody pays for an HTTP client.
            from recollect.history.semantic.examine import examine_embeddings

            found += await examine_embeddings(connection, settings)
    finally:
        await connection.close()
    if settings.database_url is None and any(
        check.name == "schema" and check.status == "failed" for check in found
    ):
        # The embedded database is migrated by itself when it is first used.
        found = [
            Check("schema", "ok", "will be made at the first use") if check.name == "schema" else check
            for check in found
        ]
    return [Check("database", "ok", f"{target.display()}, {pooler}"), *found]


async def _replica(primary: Connection, settings: Settings) -> list[Check]:
    """The check of the replica, where one is configured."""
    target = replica_target(settings)
    if target is None:
        return []
    compared = await look_at_primary(primary)
    try:
        connection = await Connector(
            target,
            connect_timeout=settings.connect_timeout,
            statement_timeout=settings.statement_timeout,
            before_connect=None,
        ).open()
    except RecollectError as error:
        return [Check("replica", "warning", f"{target.display()}, not used: {told(error)}")]
    try:
        return [await examine_replica(connection, compared)]
    finally:
        await connection.close()
