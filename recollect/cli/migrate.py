"""`recollect migrate`: create or upgrade the schema, and link it to an application's users."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from recollect.cli.owner import owner_connection, owner_target
from recollect.cli.terminal import confirmed
from recollect.db import pgvector
from recollect.db.link import UsersLink, link_users, unlink_users
from recollect.db.migrate import Migrated, current_revision, goes_back, may_serve, migrate, script
from recollect.db.schema import APP_ROLE
from recollect.db.target import Target, parse_url
from recollect.models.errors import InvalidArgument
from recollect.settings import Settings


def command(
    to: Annotated[
        str,
        typer.Option(
            metavar="REVISION",
            help="`head`, a revision, or `base`, which drops all of Recollect's tables with their data."
            " An earlier revision drops what only later ones keep.",
        ),
    ] = "head",
    sql: Annotated[
        bool,
        typer.Option(
            "--sql",
            help="Only print the SQL, for psql; connects to nothing. From an empty database, unless"
            " `--to` says FROM:TO.",
        ),
    ] = False,
    link: Annotated[
        str | None,
        typer.Option(
            "--link-users",
            metavar="TABLE.COLUMN",
            help="Then delete a user's conversations with the user: a foreign key to your users table,"
            " for example `users.id`. Its key is text, varchar, uuid or an integer.",
        ),
    ] = None,
    unlink: Annotated[bool, typer.Option("--unlink-users", help="Remove that foreign key again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is dropped.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Create or upgrade Recollect's schema in the database.

    Connects to RECOLLECT_MIGRATION_URL, else RECOLLECT_DATABASE_URL, else the embedded
    PostgreSQL, as the role that owns (or may create) the schema `recollect`. All of it happens
    in one transaction, and nothing outside that schema changes; only where embeddings are
    configured it also creates the extension pgvector, if the server has it. Running it again is
    safe, also from several processes at once.
    """
    if sql:
        if link is not None or unlink:
            raise InvalidArgument("--sql", "goes without --link-users and --unlink-users")
        print(_script(to))
        return
    if link is not None and (unlink or to == "base"):
        raise InvalidArgument("--link-users", f"goes without {'--unlink-users' if unlink else '--to base'}")
    settings = Settings()
    with owner_target(settings) as target:
        if to != "head" and not yes:
            _ask(target, to, settings.connect_timeout)
        done = migrate(target, to, connect_timeout=settings.connect_timeout)
        report: dict[str, str | None] = {
            "database": target.display(),
            "role": done.role,
            "from": done.before,
            "to": done.after,
        }
        if done.distributed:
            report["distributed"] = "by user"
        if link is not None or unlink:  # an empty one, as of an unset variable of a shell, is refused
            report["users"] = asyncio.run(_link(target, link, settings.connect_timeout))
        if settings.embeddings_url is not None and done.after is not None:
            report["pgvector"] = asyncio.run(_pgvector(target, settings.connect_timeout))
        grant = asyncio.run(_grant(target, settings, done))
    if as_json:
        print(json.dumps({**report, "next": grant}, indent=2))
        return
    print(f"database  {report['database']}")
    print(f"role      {done.role}")
    print(f"schema    {_what(done)}")
    if done.distributed:
        print("tables    distributed by user, with Citus")
    if "users" in report:
        print(f"users     {report['users']}")
    if "pgvector" in report:
        print(f"pgvector  {report['pgvector']}")
    if grant:
        print("\nNext: let the role of RECOLLECT_DATABASE_URL use it.")
        print(f"As {done.role} or an administrator:  {grant}")


def _ask(target: Target, to: str, connect_timeout: float) -> None:
    """Whether what would be lost may be lost. Raises: Exit, if not."""
    question = f"Drop all conversations in {target.display()}?"
    if to != "base":
        before = asyncio.run(_revision(target, connect_timeout))
        if not goes_back(before, to):
            return
        question = (
            f"Go back from revision {before} to {to} in {target.display()}, and drop what only the later "
            "ones keep, such as access tokens and embeddings?"
        )
    if not confirmed(question, yes=False):
        raise typer.Exit(1)


async def _revision(target: Target, connect_timeout: float) -> str | None:
    connection = await owner_connection(target, connect_timeout)
    try:
        return await current_revision(connection)
    finally:
        await connection.close()


def _script(to: str) -> str:
    """`--to base` takes everything away, and starts at the newest revision."""
    since, separator, until = to.partition(":")
    if separator:
        return script(until, since)
    return script(to, "head" if to == "base" else "base")


async def _link(target: Target, reference: str | None, connect_timeout: float) -> str:
    """Link or, without a reference, unlink; what was done."""
    connection = await owner_connection(target, connect_timeout)
    try:
        if reference is None:
            return "no longer linked" if await unlink_users(connection) else "not linked, as before"
        link, new = await link_users(connection, reference)
        return _linked(link, new=new)
    finally:
        await connection.close()


async def _pgvector(target: Target, connect_timeout: float) -> str:
    """Make the extension that compares embeddings; what there is of it."""
    connection = await owner_connection(target, connect_timeout)
    try:
        made = await pgvector.make(connection)
    finally:
        await connection.close()
    return f"{made.version or 'not there'}" + ("" if made.fix is None else f". {made.fix}")


def _linked(link: UsersLink, *, new: bool) -> str:
    if new:
        return f"linked to {link.table}.{link.column}: deleting a user deletes their conversations"
    return f"linked to {link.table}.{link.column}, as before"


def _what(done: Migrated) -> str:
    if done.before == done.after:
        return f"{done.after}, as before" if done.after else "none, as before"
    if done.before is None:
        return f"created, revision {done.after}"
    if done.after is None:
        return f"dropped; it was at revision {done.before}"
    return f"from revision {done.before} to {done.after}"


async def _grant(target: Target, settings: Settings, done: Migrated) -> str | None:
    """What a role of its own at run time needs and lacks; the migrating role has it already."""
    if settings.migration_url is None or settings.database_url is None or done.after is None:
        return None
    user = parse_url(settings.database_url.get_secret_value()).connect_args.get("user")
    if user is None or user == done.role:
        return None
    connection = await owner_connection(target, settings.connect_timeout)
    try:
        if await may_serve(connection, str(user)):
            return None
    finally:
        await connection.close()
    quoted = '"' + str(user).replace('"', '""') + '"'
    return f"GRANT {APP_ROLE} TO {quoted};"
