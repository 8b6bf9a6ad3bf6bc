"""`recollect demo`: an agent that keeps nothing, and a conversation that goes on all the same.

Every turn starts a new server process over stdio, rebuilds the conversation from it, answers,
saves, and lets the process end. The agent's answers come from a few rules that read nothing but
what `open_turn` returned, so a right answer proves that the conversation was there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import TextContent

from recollect.models.errors import Unavailable

DEMO_USER = "demo"
ID = re.compile(r'<conversation id="([^"]+)"')
HEAD = re.compile(r"^Head: (\d+)", re.MULTILINE)
BUDGET = re.compile(r"budget is ([\d.,]+ \w+)")
CITY = re.compile(r"trip to (\w+)")

Reply = list[dict[str, Any]]


def _note_down(context: str) -> Reply:
    city = _match(CITY, context)
    return [_says(f"{city} in May, lovely. I have noted the budget. What shall I look up?")]


def _look_up(context: str) -> Reply:
    city = _match(CITY, context)
    call = {
        "type": "tool_call",
        "id": "call_1",
        "name": "climate",
        "arguments": {"city": city, "month": "May"},
    }
    result = {"type": "tool_result", "call_id": "call_1", "content": "mean high 20 °C, 8 days of rain"}
    return [
        {"role": "assistant", "content": [call]},
        {"role": "tool", "content": [result]},
        _says(f"{city} in May has highs of about 20 °C, and rain on 8 days. Pack a light jacket."),
    ]


def _recall(context: str) -> Reply:
    jacket = (
        "and a light jacket, because of 8 days of rain" if "8 days of rain" in context else "and nothing else"
    )
    return [
        _says(f"Your budget is {_match(BUDGET, context)}, for a trip to {_match(CITY, context)}, {jacket}.")
    ]


TURNS: tuple[tuple[str, Callable[[str], Reply]], ...] = (
    ("I am planning a trip to Porto in May, and my budget is 900 euros.", _note_down),
    ("How is the weather there?", _look_up),
    ("I forgot everything. What did we settle?", _recall),
)


def command() -> None:
    """Watch an agent without memory keep up a conversation.

    Plays three turns, each served by a new process over stdio, on the embedded PostgreSQL (or
    on RECOLLECT_DATABASE_URL), as the user "demo". No model is called: the answers come from
    rules that see only what was loaded.
    """
    anyio.run(_play)
    print(_configuration())


async def _play() -> None:
    print("An agent that remembers nothing: each turn is a new process. Recollect is all it has.\n")
    known: dict[str, object] = {"title": "Trip to Porto"}  # all that the agent carries from turn to turn
    key = uuid.uuid4().hex
    context = ""
    for number, (said, think) in enumerate(TURNS, 1):
        started = time.monotonic()
        async with Client(stdio_client(_server())) as agent:
            context = await _call(agent, "open_turn", content=said, key=f"{key}-{number}", **known)
            known = {"conversation_id": _match(ID, context)}
            reply = think(context)
            saved = json.loads(
                await _call(
                    agent,
                    "append_messages",
                    messages=reply,
                    key=f"{key}-{number}-answer",
                    expected_head=int(_match(HEAD, context)),
                    **known,
                )
            )
        seconds = time.monotonic() - started
        loaded = len(re.findall(r"^\[#", context, re.MULTILINE))
        print(_styled("1", f"Turn {number}") + _styled("2", f"  a new process, {seconds:.1f} s in all"))
        print(f"  loaded  {loaded} message{'s' * (loaded > 1)} of {known['conversation_id']}")
        print(f"  user    {said}")
        for message in reply:
            print(f"  {_styled('36', _shown(message))}")
        first, last = saved["first_seq"], saved["last_seq"]
        print(f"  saved   #{first}" + f" to #{last}" * (last > first) + "\n")
    print("What the last process had loaded, as a model reads it:\n")
    print("\n".join(f"  {line}" for line in context.splitlines()))


def _server() -> StdioServerParameters:
    environment = {
        name: value for name, value in os.environ.items() if name.startswith(("RECOLLECT_", "XDG_"))
    }
    if "DATABASE_URL" in os.environ:
        environment["DATABASE_URL"] = os.environ["DATABASE_URL"]
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "recollect"],
        env={**environment, "RECOLLECT_USER_ID": DEMO_USER},
    )


async def _call(agent: Client, tool: str, **arguments: object) -> str:
    result = await agent.call_tool(tool, arguments)
    text = "".join(block.text for block in result.content if isinstance(block, TextContent))
    if result.is_error:
        raise Unavailable(f"{tool}: {text}")
    return text


def _says(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _match(pattern: re.Pattern[str], context: str) -> str:
    found = pattern.search(context)
    if found is None:
        raise RuntimeError("the conversation did not come back: this is a defect, please report it")
    return found[1]


def _shown(message: dict[str, Any]) -> str:
    if isinstance(message["content"], str):
        return f"agent   {message['content']}"
    part = message["content"][0]
    if part["type"] == "tool_call":
        return f"agent   calls {part['name']}({', '.join(part['arguments'].values())})"
    return f"tool    {part['content']}"


def _styled(code: str, text: str) -> str:
    plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))
    return text if plain else f"\033[{code}m{text}\033[0m"


def _configuration() -> str:
    beside = Path(sys.argv[0]).absolute().with_name("recollect")
    found = str(beside) if beside.exists() else shutil.which("recollect") or "recollect"
    entry = json.dumps({"mcpServers": {"recollect": {"command": found}}})
    return f"""
Use it from your own client:

  Claude Code      claude mcp add recollect -- {found}
  Claude Desktop   in claude_desktop_config.json:
                   {entry}
  Cursor           in .cursor/mcp.json: the same

Each client starts the server itself. They share one database, and one history: the user "local",
or whoever RECOLLECT_USER_ID names."""
