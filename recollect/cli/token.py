"""`recollect token`: personal access tokens, for people without an identity provider."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from recollect.cli.terminal import table
from recollect.db.connect import connect
from recollect.db.database import Database
from recollect.identity.access_tokens import AccessTokens
from recollect.models.access_token import AccessToken
from recollect.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Make, show and revoke personal access tokens.\n\n"
        "`recollect serve` accepts them where RECOLLECT_ACCESS_TOKENS is true. Whoever may run this command"
        " may make tokens for everybody: it uses the database directly."
    ),
)

T = TypeVar("T")


class Scope(StrEnum):
    """What a token may allow, as the command line writes it."""

    READ = "read"
    WRITE = "write"
    ERASE = "erase"


User = Annotated[
    str | None, typer.Option("--user", help="Whose token: the user id. Default: RECOLLECT_USER_ID.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for, such as `laptop`.")],
    user: User = None,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it allows; may stand several times. Default: read and write."),
    ] = None,
    days: Annotated[int, typer.Option(help="How many days it works.", min=1, max=3650)] = 90,
    as_json: Json = False,
) -> None:
    """Make a token and print it. It is shown this once; only its hash is stored."""
    settings = Settings()
    scopes = [f"history:{chosen}" for chosen in scope or (Scope.READ, Scope.WRITE)]
    whose = _whose(user, settings)
    token, made = _with(settings, lambda tokens: tokens.create(whose, name, scopes, days))
    if as_json:
        print(json.dumps({"token": token, "user": whose, **_fields(made)}, indent=2))
        return
    print(token)
    print(
        f"Token {made.id} of the user {whose!r}: {' '.join(made.scopes)}, until {_day(made.expires_at)}. "
        "It is not shown again.",
        file=sys.stderr,
    )
    if not settings.access_tokens:
        print("The server accepts it with RECOLLECT_ACCESS_TOKENS=true.", file=sys.stderr)


@app.command("list")
def list_tokens(user: User = None, as_json: Json = False) -> None:
    """Show the tokens of a user: what they are for, what they allow, and when they were used last."""
    settings = Settings()
    whose = _whose(user, settings)
    found = _with(settings, lambda tokens: tokens.list(whose))
    if as_json:
        print(json.dumps([_fields(token) for token in found], indent=2))
        return
    if not found:
        print(f"The user {whose!r} has no tokens.")
        return
    headings = ("ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED")
    print(table(headings, [_row(token) for token in found], flexible=1))


@app.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(help="As `recollect token list` shows it.")], user: User = None
) -> None:
    """Remove a token. Running servers refuse it within 10 seconds."""
    settings = Settings()
    whose = _whose(user, settings)
    _with(settings, lambda tokens: tokens.revoke(whose, id))
    print("Revoked.")


def _whose(user: str | None, settings: Settings) -> str:
    """An empty user id, as of an unset variable of a shell, is not taken for one that was left out."""
    return settings.user_id if user is None else user


def _with(settings: Settings, use: Callable[[AccessTokens], Awaitable[T]]) -> T:
    async def run() -> T:
        async with connect(settings) as database:

            async def opened() -> Database:
                return database

            return await use(AccessTokens(opened))

    return asyncio.run(run())


def _fields(token: AccessToken) -> dict[str, object]:
    return {
        name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
        for name, value in asdict(token).items()
    }


def _row(token: AccessToken) -> tuple[str, ...]:
    expired = token.expires_at <= datetime.now(UTC)
    used = "never" if token.last_used_at is None else token.last_used_at.isoformat(" ", "minutes")
    return (
        token.id,
        token.name,
        " ".join(token.scopes),
        _day(token.created_at),
        "expired" if expired else _day(token.expires_at),
        used,
    )


def _day(at: datetime) -> str:
    return at.date().isoformat()
