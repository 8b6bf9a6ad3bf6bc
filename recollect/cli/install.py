"""`recollect install`: put the server into a client's configuration, or take it out.

The file is read, changed in that one place and written anew beside itself, then renamed; what was
there is kept as a backup. A file that cannot be read for sure is left alone.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
import tempfile
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from recollect.cli.clients import CLIENTS, NAME, Client, ClientConfig
from recollect.cli.terminal import harmless, styled
from recollect.models.errors import NotReady
from recollect.settings import Settings, config_file

SECRET = (
    "RECOLLECT_DATABASE_URL",
    "RECOLLECT_MIGRATION_URL",
    "RECOLLECT_REPLICA_URL",
    "RECOLLECT_EMBEDDINGS_KEY",
    "RECOLLECT_ISSUERS",
    "DATABASE_URL",
)
"""What may hold a password or a key: clients' files are no place for those."""

PATHS = ("RECOLLECT_CONFIG", "RECOLLECT_HOME")

_TABLE = re.compile(r"^\s*\[", re.MULTILINE)
_OURS = re.compile(
    rf"^[ \t]*\[[ \t]*mcp_servers[ \t]*\.[ \t]*\"?{NAME}\"?[ \t]*(\.[^\]]*)?\][^\n]*(\n|$)", re.MULTILINE
)


def command(
    client: Annotated[Client, typer.Argument(help="The program to add Recollect to.")],
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take it out again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change, make none.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="The configuration file, where it is not the usual one.")
    ] = None,
) -> None:
    """Add Recollect to the configuration of an MCP client.

    Shows the change, keeps a backup of the file beside it, and writes whole or not at all. The command is
    an absolute path, since clients start servers without your shell. Settings of Recollect that stand in
    the environment now go along, but for those with passwords and keys, which belong into config.toml.
    """
    Settings()  # a wrong setting is told here, and not by a client's silence
    chosen = CLIENTS[client]
    path = (config or chosen.path()).expanduser().absolute()
    path = path.resolve() if path.is_symlink() else path
    before = _read(path)
    after = _changed(chosen, path, before, uninstall)
    if after == before:
        print(f"{chosen.title} {'does not have' if uninstall else 'has'} Recollect already: {path}")
        return
    _show(path, before, after)
    if dry_run:
        print("Nothing was written.")
        return
    backup = _write(path, before, after)
    print(f"\n{'Removed from' if uninstall else 'Added to'} {chosen.title}. {chosen.restart}")
    if backup is not None:
        print(f"What was there before: {backup}")
    secrets = [name for name in SECRET if name in os.environ]
    if secrets and not uninstall:
        print(f"Not copied, since there may be a secret in it: {', '.join(secrets)}.")
        names = dict.fromkeys(name.removeprefix("RECOLLECT_").lower() for name in secrets)
        print(
            f"Put {', '.join(names)} into Recollect's configuration file instead: {config_file().absolute()}"
        )


def own_command() -> list[str]:
    """How a client starts this very installation."""
    started = Path(sys.argv[0]).absolute()
    if started.stem == NAME and started.is_file():
        return [str(started)]
    beside = Path(sys.executable).with_name(NAME + (".exe" if sys.platform == "win32" else ""))
    if beside.is_file():
        return [str(beside)]
    found = shutil.which(NAME)
    return [found] if found else [sys.executable, "-m", NAME]


def _environment() -> dict[str, str]:
    """The settings for a server that a client starts, in a folder of its own."""
    return {
        name: str(Path(value).absolute()) if value and name in PATHS else value
        for name, value in sorted(os.environ.items())
        if name.startswith("RECOLLECT_") and name not in SECRET and not name.startswith("RECOLLECT_TEST_")
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise NotReady(f"{path} cannot be read as UTF-8 text; nothing was changed") from error


def _changed(client: ClientConfig, path: Path, before: str, uninstall: bool) -> str:
    """The text of the file with our entry, or without it."""
    entry = None if uninstall else client.entry(own_command(), _environment())
    if client.under is None:
        return _changed_toml(path, before, entry)
    try:
        parsed: object = json.loads(before) if before.strip() else {}
        if not isinstance(parsed, dict):
            raise ValueError("not an object")
        configuration = cast("dict[str, Any]", parsed)
        servers: object = configuration.get(client.under, {})
        if not isinstance(servers, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        raise NotReady(_by_hand(path, client.under, client.entry(own_command(), _environment()))) from error
    others = {name: value for name, value in cast("dict[str, Any]", servers).items() if name != NAME}
    if entry is None and NAME not in servers:
        return before
    if cast("dict[str, Any]", servers).get(NAME) == entry:
        return before
    configuration[client.under] = others if entry is None else {**servers, NAME: entry}
    indent = re.search(r"^([ \t]+)\S", before, re.MULTILINE)
    return json.dumps(configuration, indent=indent[1] if indent else 2, ensure_ascii=False) + "\n"


def _changed_toml(path: Path, before: str, entry: dict[str, Any] | None) -> str:
    """TOML is changed as text, so that comments stay."""
    try:
        parsed = tomllib.loads(before)
    except tomllib.TOMLDecodeError as error:
        raise NotReady(f"{path} is not TOML ({error}); nothing was changed. Mend it and try again") from error
    servers = parsed.get("mcp_servers", {})
    if servers.get(NAME) == entry:
        return before
    rest = before
    while (found := _OURS.search(rest)) is not None:
        following = _TABLE.search(rest, found.end())
        rest = rest[: found.start()] + (rest[following.start() :] if following else "")
    after = rest
    if entry is not None:
        lines = [f"[mcp_servers.{NAME}]", f"command = {_toml(entry['command'])}"]
        lines.append(f"args = [{', '.join(map(_toml, entry['args']))}]")
        if "env" in entry:
            fields = ", ".join(f"{name} = {_toml(value)}" for name, value in entry["env"].items())
            lines.append(f"env = {{ {fields} }}")
        after = rest.rstrip() + ("\n\n" if rest.strip() else "") + "\n".join(lines) + "\n"
    # What is written differently, such as inline, is not ours to guess at.
    others = {name: value for name, value in servers.items() if name != NAME}
    expected = {**others, NAME: entry} if entry is not None else others
    if tomllib.loads(after).get("mcp_servers", {}) != expected:
        raise NotReady(f"{path} has the server {NAME} in a form that is not changed here; edit it by hand")
    return after


def _toml(text: str) -> str:
    # A basic string of TOML has the escapes of JSON, but none for surrogates, and one more for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _by_hand(path: Path, under: str, entry: dict[str, Any]) -> str:
    return (
        f"{path} is no plain JSON object, perhaps it has comments; nothing was changed. Add by hand, under "
        f'"{under}": "{NAME}": {json.dumps(entry)}'
    )


def _show(path: Path, before: str, after: str) -> None:
    print(path)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=2)
    for line in list(lines)[2:]:
        colour = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
        print(styled(colour, harmless(line)) if colour else harmless(line))


def _write(path: Path, before: str, after: str) -> Path | None:
    """Replace the file whole; the backup of what was there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        backup = None
        if path.exists():
            stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")
            backup = path.with_name(f"{path.name}.{stamp}.bak")
            shutil.copy2(path, backup)
            if _read(path) != before:
                raise NotReady(f"{path} was changed by another program just now; try again")
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        written = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            written.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o600)
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)
    except OSError as error:
        raise NotReady(f"{path} cannot be written: {error.strerror}; nothing was changed") from error
    return backup
