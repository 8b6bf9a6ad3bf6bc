"""docs/walkthrough.md, made by running what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from scripts.environment import ROOT
from tests.clients.environments import NODE, node_modules
from tests.clients.serving import free_port

SECONDS = 240
"""Most seconds that all of it may take."""

ISSUERS = (
    '[{"issuer": "http://127.0.0.1:9100", "jwks_url": "http://127.0.0.1:9100/api/auth/jwks", '
    '"audiences": ["http://127.0.0.1:9100", "http://127.0.0.1:8765/mcp"], '
    '"scopes": ["history:read", "history:write"]}]'
)

SERVER = "http://127.0.0.1:8765"
API = f"{SERVER}/api/me"
PROVIDER = "http://127.0.0.1:9100"
INSPECTOR = f"mcp-inspector --cli -q {SERVER}/mcp"
HEAD = "| grep -iE '^(HTTP|www-authenticate)'"
STATUS = r"-o /dev/null -w '%{http_code}\n'"


def bearer(variable: str) -> str:
    """The option of curl that sends a token."""
    return f'-H "Authorization: Bearer ${variable}"'


class Section(NamedTuple):
    """A heading, what is said under it, and the commands of its box."""

    heading: str
    text: str
    commands: tuple[str, ...]


INTRODUCTION = """\
From a server that lets nobody in to a conversation, with nothing but this checkout: an identity provider,
`recollect serve`, the [MCP Inspector](https://github.com/modelcontextprotocol/inspector) 2.12, curl. What
stands in the boxes was written by running it, and `make clients` runs it again and compares. Where a key, a
token or a time would stand, there is `…`. [identity.md](identity.md) explains the settings.
"""

SECTIONS = (
    Section(
        "A provider and a server",
        """`scripts/identity_provider.py` publishes what Better Auth's `jwt()` plugin publishes, Ed25519 keys
        without `alg`, and is as much of an OAuth 2.1 authorization server as an MCP client needs.
        Everybody is logged in there as alice.""",
        (
            "python -m scripts.identity_provider >/dev/null &",
            f"export RECOLLECT_ACCESS_TOKENS=true RECOLLECT_ISSUERS='{ISSUERS}'",
            "recollect serve 2>/dev/null &",
            f"curl -sf --retry 60 --retry-delay 1 --retry-connrefused {SERVER}/readyz; echo",
            f"curl -s {PROVIDER}/api/auth/jwks; echo",
        ),
    ),
    Section(
        "401, and where it leads",
        """Whoever comes without a token is told where to learn who gives them out, and which scopes to ask
        for (RFC 6750, RFC 9728).""",
        (
            f"curl -si -X POST {SERVER}/mcp {HEAD}",
            f"curl -s {SERVER}/.well-known/oauth-protected-resource/mcp; echo",
            f"curl -s {PROVIDER}/.well-known/oauth-authorization-server; echo",
        ),
    ),
    Section(
        "The Inspector goes that way by itself",
        """It has nothing but the address. It is refused, reads the metadata, registers, sends the browser to
        the provider (here curl, which goes where it is sent), gets a token for this server, and calls.""",
        (
            "export MCP_INSPECTOR_SECRET_STORE=memory MCP_AUTO_OPEN_ENABLED=true BROWSER='curl -sL'",
            f"{INSPECTOR} --method tools/call --tool-name create_conversation "
            "--tool-arg conversation_id=porto 'title=A trip to Porto' --format json",
        ),
    ),
    Section(
        "With a token that one has",
        """An application asks its provider for the token of whoever is logged in, and sends it along. The
        same conversation, over MCP and over REST.""",
        (
            f"TOKEN=$(curl -s {PROVIDER}/api/auth/token | cut -d '\"' -f 4)",
            f'{INSPECTOR} --header "Authorization: Bearer $TOKEN" --method tools/call --tool-name open_turn '
            "--tool-arg conversation_id=porto 'content=Is it raining in Porto?' key=turn-1 --format json",
            f"curl -s {bearer('TOKEN')} '{API}/conversations/porto/context?format=openai'; echo",
        ),
    ),
    Section(
        "Somebody else",
        "Bob has a history of his own, and alice's looks to him like one that does not exist.",
        (
            f"BOB=$(curl -s '{PROVIDER}/api/auth/token?user=bob' | cut -d '\"' -f 4)",
            f"curl -s {bearer('BOB')} {API}/conversations; echo",
            f"curl -s {STATUS} {bearer('BOB')} {API}/conversations/porto",
            f"curl -s {STATUS} {bearer('BOB')} {SERVER}/api/alice/conversations/porto",
        ),
    ),
    Section(
        "More than the token allows",
        """Removing for good takes a scope that this token does not have. The answer names it, and a client
        may ask its provider for more (step-up).""",
        (f"curl -si -X DELETE {bearer('TOKEN')} '{API}/conversations/porto?permanent=true' {HEAD}",),
    ),
    Section(
        "A new key",
        """The provider signs with a key that the server has never seen. The first request with it is served,
        and those with the old one still are.""",
        (
            f"curl -s -X POST {PROVIDER}/rotate; echo",
            f"NEW=$(curl -s {PROVIDER}/api/auth/token | cut -d '\"' -f 4)",
            f"curl -s {STATUS} {bearer('NEW')} {API}/conversations",
            f"curl -s {STATUS} {bearer('TOKEN')} {API}/conversations",
        ),
    ),
    Section(
        "Without a provider",
        "A personal access token, for scripts and for people who have no provider.",
        (
            "PERSONAL=$(recollect token create laptop --user alice --scope read 2>/dev/null)",
            f"curl -s {STATUS} {bearer('PERSONAL')} {API}/conversations/porto",
            f"curl -si -X POST {bearer('PERSONAL')} {API}/conversations {HEAD}",
        ),
    ),
)

HIDDEN = (
    (r'("(?:x|kid)": ")[^"]+', r"\1…"),
    (r"\b(client_id|code_challenge|state)=[\w-]+", r"\1=…"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "…"),
    (r"About \d+ tokens", "About … tokens"),
    (r"(Receipt: )\S+", r"\1…"),
    (r'("receipt":")[^"]+', r"\1…"),
)
"""What is another one each time."""

MARK = "\x1e"
"""Begins what one command said; nothing else says it."""


def document(home: Path, database_url: str) -> str:
    """The whole document, on a migrated database."""
    commands = [command for section in SECTIONS for command in section.commands]
    said = iter(_run(commands, home, database_url))
    boxes = [
        "\n".join(f"$ {command}\n{next(said)}".rstrip() for command in section.commands)
        for section in SECTIONS
    ]
    parts = [
        f"\n## {section.heading}\n\n{_flowed(section.text)}\n\n```console\n{box}\n```\n"
        for section, box in zip(SECTIONS, boxes, strict=True)
    ]
    return f"# A protected server, step by step\n\n{_flowed(INTRODUCTION)}\n{''.join(parts)}"


def _run(commands: list[str], home: Path, database_url: str) -> list[str]:
    """What each command said, in one shell, with the ports that are free here instead of those that are
    written; what differs each time is hidden."""
    ports = {"8765": str(free_port()), "9100": str(free_port())}
    marked = [f"printf '{MARK}'\n{command}" for command in commands]
    script = "\n".join(["exec 2>&1", "trap 'kill $(jobs -p)' EXIT", *marked])
    done = subprocess.run(
        ["bash", "-c", _swapped(script, ports)],
        cwd=ROOT,
        env=_environment(home, database_url, ports),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = _swapped(done.stdout, {free: written for written, free in ports.items()}).replace("\r", "")
    for pattern, hidden in HIDDEN:
        said = re.sub(pattern, hidden, said)
    return said.split(MARK)[1:]


def _swapped(text: str, ports: dict[str, str]) -> str:
    """A text with other ports of this machine, in addresses that are escaped too."""
    known = "|".join(ports)
    return re.sub(rf"(127\.0\.0\.1(?::|%3A))({known})\b", lambda at: at[1] + ports[at[2]], text)


def _flowed(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 118)


def _environment(home: Path, database_url: str, ports: dict[str, str]) -> dict[str, str]:
    programs = [Path(sys.executable).parent, node_modules() / "node_modules" / ".bin", NODE]
    path = os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")])
    return {
        "PATH": path,
        "HOME": str(home),
        "RECOLLECT_CONFIG": os.devnull,
        "RECOLLECT_DATABASE_URL": database_url,
        "RECOLLECT_PORT": ports["8765"],
        "PROVIDER_PORT": ports["9100"],
    }
