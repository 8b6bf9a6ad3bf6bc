"""Claude Code, run without a model and without a network: it does what a script says.

`claude -p` connects to Recollect and asks a Messages API on loopback (`scripted_model`), with an
empty home and an empty folder to work in. It runs as any account, root included: the tools are
allowed by name, not by skipping permissions.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.clients.environments import PROGRAMS, node_modules
from tests.clients.scripted_model import Call, Script, ScriptedModel, scripted_model

SECONDS = 180
PREFIX = "mcp__recollect__"
"""What Claude Code puts before the name of each tool of a server configured as `recollect`."""

TOOLS_AT_ONCE = {"ENABLE_TOOL_SEARCH": "false"}
"""Every definition is in the first request, instead of behind the tool ToolSearch."""

QUIET = {
    "ANTHROPIC_API_KEY": "none",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    # The first request waits for the server, which may have a database to start.
    "MCP_CONNECTION_NONBLOCKING": "false",
    "MCP_TIMEOUT": "90000",
}


def call(tool: str, **arguments: Any) -> Call:
    """A call of one of Recollect's tools."""
    return Call(PREFIX + tool, arguments)


def executable() -> Path:
    """Claude Code's program. Skips the test when it cannot be had."""
    packages = node_modules(PROGRAMS / "claude_code" / "package.json") / "node_modules" / "@anthropic-ai"
    found = sorted(packages.glob("claude-code-*/claude*"))
    assert found, f"there is no Claude Code for this platform in {packages}"
    return found[0]


def run(
    script: Script, server: dict[str, Any], folder: Path, prompt: str, variables: dict[str, str] | None = None
) -> ScriptedModel:
    """One `claude -p` with `prompt` as what the user said; gives the model, which saw it all.

    server:     how to reach Recollect, as in Claude Code's configuration.
    folder:     an empty one, for its home and its work.
    variables:  of its environment; default: all tools at once.
    """
    program = executable()
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    with scripted_model(script) as model:
        command = [
            *(str(program), "-p", prompt, "--output-format", "json", "--no-session-persistence"),
            *("--mcp-config", json.dumps({"mcpServers": {"recollect": server}}), "--strict-mcp-config"),
            *("--allowedTools", f"{PREFIX}*"),
        ]
        own = {"PATH": os.environ["PATH"], "HOME": str(home), "ANTHROPIC_BASE_URL": model.address}
        done = subprocess.run(
            command,
            cwd=work,
            env=QUIET | own | (TOOLS_AT_ONCE if variables is None else variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert not json.loads(done.stdout)["is_error"], done.stdout
    return model
