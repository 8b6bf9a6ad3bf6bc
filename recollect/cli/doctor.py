"""`recollect doctor`: is everything as it should be, and what helps where it is not."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from typing import Annotated

import typer

from recollect.db.connector import Connector
from recollect.db.embedded import EmbeddedPostgres
from recollect.db.examine import Check, examine
from recollect.db.target import Target, parse_url
from recollect.models.errors import RecollectError
from recollect.settings import Settings, config_file

SIGNS = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Check the configuration and the database; say what to fix.

    Looks at the database as the running server would, proves that one user cannot see another's
    rows, and changes nothing. Ends with exit code 1 if something has failed.
    """
    settings = Settings()
    checks = _all(settings)
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


def _all(settings: Settings) -> list[Check]:
    checks = [_configuration(), Check("database from", "ok", _source(settings))]
    server = EmbeddedPostgres(settings.data_home())
    try:
        if settings.database_url is None:
            target = parse_url(server.ensure(), "none")
        else:
            target = parse_url(settings.database_url.get_secret_value(), settings.pooler)
        return checks + asyncio.run(_database(target, settings))
    except RecollectError as error:
        return [*checks, Check("database", "failed", " ".join(str(error).split()))]
    finally:
        server.release()


def _configuration() -> Check:
    file = config_file()
    return Check("configuration", "ok", f"environment, {file}{'' if file.exists() else ' (not there)'}")


def _source(settings: Settings) -> str:
    if settings.database_url is None:
        return f"no RECOLLECT_DATABASE_URL: the embedded PostgreSQL in {settings.data_home()}"
    for name in ("RECOLLECT_DATABASE_URL", "DATABASE_URL"):
        if os.environ.get(name):
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
