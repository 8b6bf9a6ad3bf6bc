"""What `recollect doctor` says about embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg

from recollect.db import pgvector
from recollect.db.examine import Check
from recollect.db.schema import APP_ROLE
from recollect.db.sql import load
from recollect.history.semantic.provider import NoVectors, Provider
from recollect.history.semantic.semantic import model_name
from recollect.settings import Settings

if TYPE_CHECKING:
    BareConnection = asyncpg.Connection[asyncpg.Record]  # generic in its type stubs only

SECONDS = 10.0

_MISSING = load("embeddings_missing")


async def examine_embeddings(connection: BareConnection, settings: Settings) -> list[Check]:
    """Whether the provider answers, what the database lacks, and how much is to be done. Sends the
    provider a fixed text."""
    checks = [await _provider(settings)]
    if await connection.fetchval("SELECT to_regclass('recollect.embedding') IS NULL"):
        return checks
    found = await pgvector.look(connection)
    if found.version is None and settings.database_url is None:
        checks.append(Check("pgvector", "ok", "will be made at the first use, where the server has it"))
    elif found.version is None:
        checks.append(Check("pgvector", "warning", "not in this database: search is by words", found.fix))
    elif found.fix is not None:
        says = f"{found.version}, which {APP_ROLE} may not use: search is by words"
        checks.append(Check("pgvector", "warning", says, found.fix))
    else:
        checks.append(Check("pgvector", "ok", found.version))
        checks.append(await _missing(connection, settings))
    return checks


async def _provider(settings: Settings) -> Check:
    where = f"{settings.embeddings_model} at {urlsplit(settings.embeddings_url or '').netloc}"
    provider = Provider(settings)
    try:
        (vector,) = await provider.vectors(["recollect doctor"], SECONDS)
    except NoVectors as error:
        fix = "See the RECOLLECT_EMBEDDINGS_… settings; until it answers, search is by words."
        return Check("embeddings", "warning", f"{where} does not do its part: {error}", fix)
    finally:
        await provider.close()
    return Check("embeddings", "ok", f"{where}, {len(vector)} numbers")


async def _missing(connection: BareConnection, settings: Settings) -> Check:
    """Of the configured user: nobody sees how it is with all of them."""
    async with connection.transaction(readonly=True):
        await connection.execute(f"SET LOCAL ROLE {APP_ROLE}")
        await connection.execute("SELECT set_config('recollect.user_id', $1, true)", settings.user_id)
        missing = await connection.fetchval(_MISSING, settings.user_id, model_name(settings))
    if missing is None:
        return Check("embedded", "ok", f"all messages of {settings.user_id!r}")
    says = f"{missing} messages of {settings.user_id!r} lack an embedding until that user comes back"
    return Check("embedded", "ok", says, "recollect embed")
