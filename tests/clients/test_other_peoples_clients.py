"""Clients that others wrote, outside this project's environment, use Recollect over stdio and HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.environments import NODE, PROGRAMS, node_modules, python_with, with_node

pytestmark = pytest.mark.clients

SECONDS = 120
TOOLS = {"create_conversation", "append_message", "append_messages", "load_context", "list_messages"}
SAID = ("Zürich ☂", "quoted", "second line")


class Client(NamedTuple):
    """A client: how to get what it runs in, and its program with further arguments."""

    runs_in: Callable[[], list[str]]
    program: str
    arguments: tuple[str, ...] = ()


def python(*requirements: str) -> Callable[[], list[str]]:
    """A client on Python with these requirements."""
    return lambda: [str(python_with(*requirements))]


def node() -> list[str]:
    """A client on Node. Imports are looked up beside the program, which therefore is copied there."""
    for program in PROGRAMS.glob("*.mjs"):
        shutil.copy(program, node_modules())
    return [str(NODE / "node")]


CLIENTS = {
    "langchain-mcp-adapters": Client(python("langchain-mcp-adapters==0.3.2"), "langchain_adapters.py"),
    "openai-agents": Client(python("openai-agents==0.24.0"), "openai_agents.py"),
    "pydantic-ai": Client(python("pydantic-ai-slim[mcp]==2.68.0"), "pydantic_ai_toolset.py"),
    "typescript": Client(node, "typescript.mjs"),
    "typescript-2026": Client(node, "typescript.mjs", ("modern",)),
}


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How to reach the server, in the words of `programs/README.md`."""
    if request.param == "stdio":
        return request.getfixturevalue("stdio")
    return {"url": f"{request.getfixturevalue('http')}/mcp"}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
def test_it_creates_appends_to_and_loads_a_conversation(client: Client, server: dict[str, Any]):
    runtime = client.runs_in()
    folder = node_modules() if client.program.endswith(".mjs") else PROGRAMS
    command = [*runtime, str(folder / client.program), json.dumps(server), *client.arguments]
    report = json.loads(run(command).splitlines()[-1])
    assert set(report["tools"]) >= TOOLS
    assert report["conversation_id"].startswith("c_")
    assert all(said in report["loaded"] for said in SAID)


class Inspector:
    """The MCP Inspector's command line, which connects anew for each call."""

    def __init__(self, server: dict[str, Any], era: str, home: Path) -> None:
        self.target = [server["url"], "--transport", "http"] if "url" in server else []
        # The Inspector does not pass its own environment on.
        variables = [word for pair in server.get("env", {}).items() for word in ("-e", "=".join(pair))]
        self.server = [] if "url" in server else [*variables, "--", server["command"], *server["args"]]
        self.era = era
        self.env = with_node() | {"MCP_INSPECTOR_SECRET_STORE": "memory", "HOME": str(home)}

    def ask(self, method: str, *arguments: str) -> dict[str, Any]:
        """One request; its result."""
        binary = str(node_modules() / "node_modules" / ".bin" / "mcp-inspector")
        options = ["--protocol-era", self.era, "--method", method, *arguments, "--format", "json"]
        command = [binary, "--cli", *self.target, *options]
        return json.loads(run([*command, *self.server], self.env))["result"]

    def call(self, tool: str, **arguments: object) -> str:
        """Call a tool; the text it answers."""
        result = self.ask("tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))
        return "".join(block["text"] for block in result["content"])


@pytest.mark.parametrize("server", ["stdio"], indirect=True)
def test_the_inspector_calls_every_tool(server: dict[str, Any], tmp_path: Path):
    inspector = Inspector(server, "modern", tmp_path)
    here = _a_conversation(inspector)
    calls: dict[str, dict[str, object]] = {
        "append_messages": here | {"messages": [{"role": "assistant", "content": "noted"}]},
        "open_turn": here | {"content": "And now?", "key": "opened"},
        "save_summary": here | {"upto_seq": 1, "content": "The user greeted."},
        "fork_conversation": here,
        "load_context": here,
        "list_messages": here,
        "read_message": here | {"seq": 1},
        "list_conversations": {},
        "search_messages": {"query": "Zürich"},
        "export_conversation": here,
        "update_conversation": here | {"title": "Renamed"},
        "delete_conversation": here,
    }
    tools = {tool["name"] for tool in inspector.ask("tools/list")["tools"]}
    assert tools == {"create_conversation", "append_message", *calls}
    answers = {tool: inspector.call(tool, **arguments) for tool, arguments in calls.items()}
    for tool in ("load_context", "list_messages", "read_message"):
        assert all(said in answers[tool] for said in SAID), tool
    assert "second line" in answers["search_messages"]  # beside the word that was found, which is marked
    assert str(here["conversation_id"]) in answers["list_conversations"]


# Each call starts the Inspector anew, so the other ways to connect are tried with few.
@pytest.mark.parametrize(("server", "era"), [("stdio", "legacy"), ("http", "modern")], indirect=["server"])
def test_the_inspector_connects_either_way(server: dict[str, Any], era: str, tmp_path: Path):
    inspector = Inspector(server, era, tmp_path)
    here = _a_conversation(inspector)
    assert all(said in inspector.call("load_context", **here) for said in SAID)


def _a_conversation(inspector: Inspector) -> dict[str, object]:
    """The argument that names a new conversation with one message."""
    made = json.loads(inspector.call("create_conversation", title="From the Inspector"))
    here: dict[str, object] = {"conversation_id": made["conversation_id"]}
    inspector.call("append_message", **here, role="user", content='Zürich ☂ "quoted"\nsecond line')
    return here


def run(command: list[str], env: dict[str, str] | None = None) -> str:
    """Run a client; what it printed. A failure shows what it had to say."""
    done = subprocess.run(command, env=env or with_node(), capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
