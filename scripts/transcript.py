"""The newcomer's transcript in docs/import-export.md, written by running it.

Without an argument: run the commands and rewrite what stands between the markers. With `--check`:
change nothing, fail if it differs. Runs in a home of its own, on a database of its own.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from scripts.environment import ROOT

DOCUMENT = ROOT / "docs" / "import-export.md"
FIXTURES = ROOT / "tests" / "importing" / "fixtures"
BEGIN, END = "<!-- begin transcript -->", "<!-- end transcript -->"

CONVERSATION = "c_mzwq529nqvtcs"
"""Ids of imported conversations follow from the export."""

CLIENT = """\
import asyncio, sys
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

async def main():
    server = StdioServerParameters(command="recollect", env={ENV})
    async with Client(stdio_client(server)) as agent:
        arguments = {"conversation_id": sys.argv[1], "max_tokens": 200}
        print((await agent.call_tool("load_context", arguments)).content[0].text)

asyncio.run(main())
"""

STEPS = (
    "recollect import chatgpt-export.zip --dry-run",
    "recollect import chatgpt-export.zip",
    "recollect import chatgpt-export.zip",
    "recollect list --archived",
    "recollect search how do cats sleep --limit 1",
    f"recollect show {CONVERSATION} --last 4",
    f"python open_it.py {CONVERSATION}",
    f"recollect export --conversation {CONVERSATION} --format markdown --output fibonacci.md",
    "head -n 9 fibonacci.md",
    "recollect export --format zip --output everything.zip",
    f"recollect erase {CONVERSATION} --yes",
    "recollect import everything.zip",
    "recollect erase --everything --yes",
)


def transcript(database_url: str | None) -> str:
    """Every command, and what it says."""
    with tempfile.TemporaryDirectory(prefix="rt", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        environment = _environment(home, database_url)
        with zipfile.ZipFile(home / "chatgpt-export.zip", "w") as archive:
            archive.write(FIXTURES / "chatgpt" / "conversations.json", "conversations-000.json")
            archive.writestr("chat.html", "")
            archive.writestr("user.json", "{}")
        passed = {name: environment[name] for name in environment if name.startswith("RECOLLECT_")}
        (home / "open_it.py").write_text(CLIENT.replace("{ENV}", repr(passed)))
        try:
            return "\n".join(_ran(step, home, environment) for step in STEPS)
        finally:
            if database_url is None:
                subprocess.run(
                    [*_command("recollect"), "db", "stop"], env=environment, check=True, capture_output=True
                )


def _environment(home: Path, database_url: str | None) -> dict[str, str]:
    kept = ("PATH", "LANG", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    beside = str(Path(sys.executable).parent)
    environment |= {"PATH": f"{beside}{os.pathsep}{environment.get('PATH', '')}", "TZ": "UTC"}
    environment |= {"RECOLLECT_CONFIG": os.devnull, "HOME": str(home)}
    if database_url is None:
        return environment | {"RECOLLECT_HOME": str(home / "data")}
    return environment | {"RECOLLECT_DATABASE_URL": database_url}


def _command(program: str) -> list[str]:
    return [shutil.which(program, path=str(Path(sys.executable).parent)) or program]


def _ran(step: str, home: Path, environment: dict[str, str]) -> str:
    program, *arguments = shlex.split(step)
    done = subprocess.run(
        [*_command(program), *arguments],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise SystemExit(f"{step}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    said = (done.stdout + done.stderr).rstrip()
    # The size of an export depends on the moments at which messages were stored.
    said = re.sub(r"[\d,]+ bytes", "… bytes", said)
    return f"$ {step}\n{said}\n"


def document(text: str, shown: str) -> str:
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n````console\n{shown}````\n{END}{after}"


def main() -> int:
    """Exit code 1 where `--check` finds a difference."""
    written = DOCUMENT.read_text(encoding="utf-8")
    made = document(written, transcript(os.environ.get("RECOLLECT_TEST_DATABASE_URL")))
    if "--check" in sys.argv[1:]:
        return int(made != written)
    DOCUMENT.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
