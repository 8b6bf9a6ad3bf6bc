"""Personal access tokens: what is stored, who may use them, and how long."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import asyncpg
import pytest

from recollect import InvalidArgument, NotFound, Unauthenticated
from recollect.db.database import Database
from recollect.history.store import Recollect
from recollect.identity import access_tokens
from recollect.identity.access_tokens import AccessTokens
from recollect.identity.authenticator import TokenAuthenticator
from recollect.identity.caller import ERASE, READ, WRITE
from recollect.identity.issuers import Issuers

USERS = ["alice", "auth0|abc", "a/b c", "жён 🙂", "x" * 255, "🙂" * 255, ".", "a.b"]


@pytest.fixture
def tokens(store: Recollect) -> AccessTokens:
    return AccessTokens(database_of(store))


def database_of(store: Recollect):
    async def opened() -> Database:
        return store.database

    return opened


@pytest.fixture
async def admin(database_url: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    yield connection
    await connection.close()


async def refusal(tokens: AccessTokens, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await tokens.caller(token)
    assert not token or token not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("user", USERS)
async def test_a_token_is_its_user_with_its_scopes(user: str, tokens: AccessTokens, store: Recollect) -> None:
    token, made = await tokens.create(user, "laptop", [WRITE, READ, READ], 7)
    assert re.fullmatch(r"rct_[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", token)
    caller = await AccessTokens(database_of(store)).caller(token)
    assert (caller.user_id, caller.scopes, caller.client) == (user, {READ, WRITE}, f"token {made.id}")
    assert abs(made.expires_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
    assert made.scopes == (READ, WRITE)


async def test_only_its_hash_is_stored(
    tokens: AccessTokens, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    token, made = await tokens.create("alice", "laptop", [READ], 1)
    secret = token.partition(".")[2]
    row = await admin.fetchrow("SELECT t::text, hash FROM recollect.access_token AS t")
    assert row is not None
    assert secret not in row[0]
    assert urlsafe_b64decode(secret + "=").hex() not in row[0]
    assert row["hash"] == sha256(token.encode()).digest()
    assert made.id == row["hash"].hex()[:12]


async def test_two_tokens_are_never_alike(tokens: AccessTokens) -> None:
    made = [(await tokens.create("alice", "laptop", [READ], 1))[0] for _ in range(20)]
    assert len({token.partition(".")[2] for token in made}) == 20


async def test_nothing_else_is_a_token(tokens: AccessTokens) -> None:
    token, _ = await tokens.create("alice", "laptop", [READ], 1)
    user, _, secret = token.removeprefix("rct_").partition(".")

    def named(name: bytes) -> str:
        return f"rct_{urlsafe_b64encode(name).decode().rstrip('=')}.{secret}"

    for other in (
        "",
        "rct_",
        "rct_.",
        f"rct_{user}",
        f"rct_{user}.",
        f"rct_.{secret}",
        f"{user}.{secret}",
        f"RCT_{user}.{secret}",
        f"rct_{user}.{secret[:-1]}",
        f"rct_{user}.{secret}A",
        f"rct_{user}=.{secret}",
        f"rct_{user}==.{secret}=",
        f"rct_{user}!.{secret}",
        f"rct_é.{secret}",
        f"rct_{user}.{secret} ",
        f"{token}.{token}",
        named(b"bob"),
        named(b"\xff"),
        named(b"a\0"),
        named(b""),
        named(b"x" * 256),
        "rct_" + "a" * 100_000 + ".b",
        access_tokens.PREFIX + "YWxpY2U" + "." + "A" * 43,
    ):
        assert await refusal(tokens, other) == access_tokens.NOT_KNOWN
    await tokens.caller(token)


async def test_somebody_else_s_token_is_not_found_under_another_name(tokens: AccessTokens) -> None:
    """The name in a token says where to look, and nothing else."""
    alices, _ = await tokens.create("alice", "laptop", [READ], 1)
    bobs, _ = await tokens.create("bob", "laptop", [READ], 1)
    mixed = bobs.partition(".")[0] + "." + alices.partition(".")[2]
    await refusal(tokens, mixed)


async def test_it_ends_when_it_said_also_for_who_used_it_a_moment_ago(
    tokens: AccessTokens, store: Recollect, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    token, _ = await tokens.create("alice", "laptop", [READ], 1)
    await admin.execute(
        "UPDATE recollect.access_token SET expires_at = clock_timestamp() + interval '1 second'"
    )
    until = await admin.fetchval("SELECT expires_at FROM recollect.access_token")
    await tokens.caller(token)
    await admin.execute("SELECT pg_sleep(greatest(0, extract(epoch FROM $1 - clock_timestamp())))", until)
    assert "expired" in await refusal(tokens, token)
    assert "expired" in await refusal(AccessTokens(database_of(store)), token)


async def test_it_is_shown_when_it_was_used_last(
    tokens: AccessTokens, store: Recollect, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    token, _ = await tokens.create("alice", "laptop", [READ], 1)
    (unused,) = await tokens.list("alice")
    assert unused.last_used_at is None
    await tokens.caller(token)
    (used,) = await tokens.list("alice")
    assert used.last_used_at is not None
    await AccessTokens(database_of(store)).caller(token)
    assert (await tokens.list("alice")) == [used]  # not written again within the minute
    await admin.execute("UPDATE recollect.access_token SET last_used_at = now() - interval '2 minutes'")
    await AccessTokens(database_of(store)).caller(token)
    (again,) = await tokens.list("alice")
    assert again.last_used_at is not None
    assert again.last_used_at > used.last_used_at


async def test_a_revoked_token_is_refused_here_at_once_and_elsewhere_soon(
    tokens: AccessTokens, store: Recollect, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, made = await tokens.create("alice", "laptop", [READ], 1)
    elsewhere = AccessTokens(database_of(store))
    await tokens.caller(token)
    await elsewhere.caller(token)
    await tokens.revoke("alice", made.id)
    await refusal(tokens, token)
    await elsewhere.caller(token)
    monkeypatch.setattr(access_tokens, "CHECK_SECONDS", 0.0)
    await refusal(elsewhere, token)
    with pytest.raises(NotFound):
        await tokens.revoke("alice", made.id)


async def test_nobody_sees_or_revokes_another_user_s_tokens(tokens: AccessTokens) -> None:
    token, made = await tokens.create("alice", "laptop", [READ], 1)
    assert await tokens.list("bob") == []
    for id in (made.id, "", "%", made.id[:6], made.id + "0"):
        with pytest.raises(NotFound):
            await tokens.revoke("bob", id)
    for id in ("", "%", made.id[:6], made.id + "0", made.id.upper() if made.id.upper() != made.id else "x"):
        with pytest.raises(NotFound):
            await tokens.revoke("alice", id)
    await tokens.caller(token)


async def test_a_user_who_is_erased_has_no_tokens_left(tokens: AccessTokens, store: Recollect) -> None:
    await tokens.create("alice", "laptop", [READ], 1)
    bobs, _ = await tokens.create("bob", "laptop", [READ], 1)
    await store.for_user("alice").erase_user()
    assert await tokens.list("alice") == []
    await tokens.caller(bobs)


@pytest.mark.parametrize(
    ("argument", "user", "name", "scopes", "days"),
    [
        ("user", "", "laptop", [READ], 1),
        ("user", "x" * 256, "laptop", [READ], 1),
        ("user", "a\0", "laptop", [READ], 1),
        ("name", "alice", "", [READ], 1),
        ("name", "alice", "x" * 101, [READ], 1),
        ("name", "alice", "a\0", [READ], 1),
        ("scopes", "alice", "laptop", [], 1),
        ("scopes", "alice", "laptop", [READ, "history:all"], 1),
        ("days", "alice", "laptop", [READ], 0),
        ("days", "alice", "laptop", [READ], 3651),
    ],
)
async def test_what_cannot_be_a_token_is_refused_by_name(
    argument: str, user: str, name: str, scopes: list[str], days: int, tokens: AccessTokens
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await tokens.create(user, name, scopes, days)
    assert refused.value.argument == argument


async def test_they_are_accepted_only_where_the_settings_say_so(tokens: AccessTokens) -> None:
    token, _ = await tokens.create("alice", "laptop", [READ, WRITE, ERASE], 1)
    with pytest.raises(Unauthenticated):
        await TokenAuthenticator(Issuers([], [])).authenticate(token)
    authenticator = TokenAuthenticator(Issuers([], []), tokens)
    assert (await authenticator.authenticate(token)).user_id == "alice"
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate("a.b.c")
