"""Where MCP clients keep their configuration, and what stands there for a server over stdio."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

NAME = "recollect"
"""What the server is called in every client's configuration."""

Client = Literal["claude-desktop", "claude-code", "cursor", "vscode", "codex"]


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Of one client.

    title:  its name. restart: what a person does so that it sees the change.
    path:   its configuration of this user.
    under:  the name of the object that holds the servers; None: TOML, as Codex has it.
    typed:  whether each server says its transport.
    """

    title: str
    path: Callable[[], Path]
    under: str | None
    typed: bool
    restart: str

    def entry(self, command: list[str], environment: dict[str, str]) -> dict[str, Any]:
        """The server as this client writes it."""
        entry: dict[str, Any] = {"type": "stdio"} if self.typed else {}
        entry |= {"command": command[0], "args": command[1:]}
        return entry | ({"env": environment} if environment else {})

    def command(self, text: str) -> str | None:
        """What the client starts for Recollect, by the text of its configuration; None without an entry.

        Raises: ValueError for what cannot be read, such as JSON with comments.
        """
        found: Any = tomllib.loads(text) if self.under is None else json.loads(text or "{}")
        for step in (self.under or "mcp_servers", NAME, "command"):
            found = cast("dict[str, Any]", found).get(step) if isinstance(found, dict) else None
        return None if found is None else str(found)


def _applications() -> Path:
    """Where programs with windows keep their configuration."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _claude_code() -> Path:
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home()) / ".claude.json"


def _codex() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "config.toml"


CLIENTS: dict[Client, ClientConfig] = {
    "claude-desktop": ClientConfig(
        "Claude Desktop",
        lambda: _applications() / "Claude" / "claude_desktop_config.json",
        "mcpServers",
        False,
        "Quit Claude Desktop fully and start it again.",
    ),
    "claude-code": ClientConfig(
        "Claude Code", _claude_code, "mcpServers", True, "New sessions of Claude Code have it; see /mcp."
    ),
    "cursor": ClientConfig(
        "Cursor",
        lambda: Path.home() / ".cursor" / "mcp.json",
        "mcpServers",
        False,
        "Cursor asks whether to enable it; see Settings, MCP.",
    ),
    "vscode": ClientConfig(
        "VS Code",
        lambda: _applications() / "Code" / "User" / "mcp.json",
        "servers",
        True,
        "Start it with the command MCP: List Servers.",
    ),
    "codex": ClientConfig("Codex", _codex, None, False, "New sessions of Codex have it; see /mcp."),
}
