"""Statements about personal access tokens, in transactions that are scoped to their user."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from recollect.db.database import ReadTx, WriteTx
from recollect.models.access_token import AccessToken

ID_BYTES = 6
"""So many bytes of the hash are the token's id."""


async def insert(
    tx: WriteTx, user_id: str, name: str, hash: bytes, scopes: Sequence[str], expires_at: datetime
) -> AccessToken:
    rows = await tx.fetch(
        """INSERT INTO recollect.access_token (user_id, name, hash, scopes, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        RETURNING hash, name, scopes, created_at, expires_at, last_used_at""",
        user_id,
        name,
        hash,
        list(scopes),
        expires_at,
    )
    return _token(rows[0])


async def find(tx: ReadTx, user_id: str, hash: bytes) -> AccessToken | None:
    row = await tx.fetchrow(
        """SELECT hash, name, scopes, created_at, expires_at, last_used_at FROM recollect.access_token
        WHERE user_id = $1 AND hash = $2""",
        user_id,
        hash,
    )
    return None if row is None else _token(row)


async def of_user(tx: ReadTx, user_id: str) -> list[AccessToken]:
    """All of a user's tokens, the newest first."""
    rows = await tx.fetch(
        """SELECT hash, name, scopes, created_at, expires_at, last_used_at FROM recollect.access_token
        WHERE user_id = $1 ORDER BY created_at DESC, hash""",
        user_id,
    )
    return [_token(row) for row in rows]


async def note_use(tx: WriteTx, user_id: str, hash: bytes) -> None:
    """Write down that a token was used just now."""
    await tx.execute(
        "UPDATE recollect.access_token SET last_used_at = now() WHERE user_id = $1 AND hash = $2",
        user_id,
        hash,
    )


async def remove(tx: WriteTx, user_id: str, id: str) -> int:
    """Remove the tokens with this id, and say how many there were."""
    tag = await tx.execute(
        """DELETE FROM recollect.access_token
        WHERE user_id = $1 AND substr(encode(hash, 'hex'), 1, $3) = $2""",
        user_id,
        id,
        2 * ID_BYTES,
    )
    return int(tag.rpartition(" ")[2])


async def remove_all(tx: WriteTx, user_id: str) -> None:
    """Remove all of a user's tokens."""
    await tx.execute("DELETE FROM recollect.access_token WHERE user_id = $1", user_id)


def _token(row: asyncpg.Record) -> AccessToken:
    return AccessToken(
        id=row["hash"][:ID_BYTES].hex(),
        name=row["name"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )
