"""What the documents say about the code, written from the code.

In README.md everything between `<!-- begin NAME -->` and `<!-- end NAME -->` is written here,
where NAME is `tools` or `settings`; in server.json the version and the environment variables;
docs/openapi.json as a whole.
Without an argument: rewrite the files. With `--check`: change nothing, fail if they differ.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import types
from collections.abc import AsyncGenerator, Callable
from typing import Any, Literal, Union, get_args, get_origin

import anyio
from mcp.types import Tool
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from recollect.api.app import create_api
from recollect.history.history import History
from recollect.identity.caller import Caller
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import lazy_backend
from recollect.settings import Settings
from scripts.environment import ROOT

REGISTRY_SETTINGS = ("database_url", "pooler", "home", "user_id", "log_level")
"""What a client that installs from the MCP registry asks its user about."""


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"RECOLLECT_{name.upper()}"


def choices(annotation: object) -> list[str]:
    """The only values that a setting takes; empty where it is not an enumeration."""
    return [str(value) for value in get_args(annotation)] if get_origin(annotation) is Literal else []


def plain(annotation: object) -> object:
    """A setting's type without its `| None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        return next(arg for arg in get_args(annotation) if arg is not type(None))
    return annotation


def settings_table() -> str:
    """All settings: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        allowed = choices(plain(field.annotation))
        values = f" One of {', '.join(f'`{value}`' for value in allowed)}." if allowed else ""
        rows.append(f"| `{variable(name, field)}` | {default} | {field.description}{values} |")
    return "\n".join(rows)


async def tools() -> list[Tool]:
    """The tools as a client gets them. The store behind them is never opened."""
    async with lazy_backend(Settings()) as backend:
        return await create_server(backend, identity=lambda: "nobody").list_tools()


def tools_table() -> str:
    """All tools: name, arguments (optional ones with ?), first sentence of the description."""
    rows = ["| tool | arguments | what for |", "|---|---|---|"]
    for tool in anyio.run(tools):
        required: list[str] = tool.input_schema.get("required", [])
        arguments = (
            name if name in required else f"{name}?" for name in tool.input_schema.get("properties", {})
        )
        about = " ".join((tool.description or "").split()).split(". ")[0].rstrip(".")
        rows.append(f"| `{tool.name}` | {', '.join(f'`{argument}`' for argument in arguments)} | {about}. |")
    return "\n".join(rows)


def registry_variables() -> list[dict[str, Any]]:
    """`environmentVariables` of the package in server.json."""
    found: list[dict[str, Any]] = []
    for name in REGISTRY_SETTINGS:
        field = Settings.model_fields[name]
        kind = plain(field.annotation)
        entry: dict[str, Any] = {"name": variable(name, field), "description": field.description}
        if kind is SecretStr:
            entry["isSecret"] = True
        if name == "home":
            entry["format"] = "filepath"
        if allowed := choices(kind):
            entry["choices"] = allowed
        if field.default is not None:
            entry["default"] = str(field.default)
        found.append(entry)
    return found


def readme(text: str) -> str:
    """README.md with its generated blocks written anew."""
    for name, table in {"tools": tools_table, "settings": settings_table}.items():
        text, count = re.subn(
            rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)",
            lambda found, table=table: f"{found[1]}{table()}\n{found[2]}",
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise SystemExit(
                f"README.md needs one line <!-- begin {name} --> and after it <!-- end {name} -->"
            )
    return text


def registry_entry(text: str) -> str:
    """server.json with this package's version and settings."""
    entry = json.loads(text)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    entry["version"] = version
    for package in entry["packages"]:
        package["version"] = version
        package["environmentVariables"] = registry_variables()
    return json.dumps(entry, indent=2, ensure_ascii=False) + "\n"


class Nobody:
    """Stands where callers are told apart; nobody calls."""

    async def authenticate(self, token: str | None) -> Caller:
        raise NotImplementedError

    async def confirm(self, token: str | None) -> None:
        raise NotImplementedError

    async def history(self, user_id: str) -> History:
        raise NotImplementedError

    def changes(self, caller: Caller) -> AsyncGenerator[str | None]:
        raise NotImplementedError


def openapi_document(_text: str) -> str:
    """docs/openapi.json: the REST API as programs read it."""
    nobody = Nobody()
    document = create_api(nobody.history, nobody, nobody.changes).openapi()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


GENERATED: dict[str, Callable[[str], str]] = {
    "README.md": readme,
    "server.json": registry_entry,
    "docs/openapi.json": openapi_document,
}


def main() -> int:
    """Rewrite, or `--check`; the exit code."""
    stale: list[str] = []
    for name, generate in GENERATED.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        if (fresh := generate(text)) != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(fresh, encoding="utf-8")
    if stale and "--check" in sys.argv:
        print(f"{', '.join(stale)}: not what the code says now; run make docs")
        return 1
    print(f"rewritten: {', '.join(stale)}" if stale else "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
