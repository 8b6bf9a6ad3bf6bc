"""Use Recollect as its users install it: the built wheel, in an empty environment, away from the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from scripts import environment

SECONDS = 60
"""Longest wait for one command. The demo takes about five seconds; a busy machine takes longer."""


class Unusable(Exception):
    """The wheel, or what it installs, is not what users need."""


def build(folder: Path) -> Path:
    """Build the wheel into `folder`."""
    if uv := shutil.which("uv"):
        command = [uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(environment.ROOT)]
        if subprocess.run(command).returncode == 0:
            return next(folder.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(environment.ROOT)], check=True)
    return next(folder.glob("*.whl"))


def inspect(wheel: Path) -> None:
    """The wheel holds every file of the package, and nothing beside the package."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    package = environment.ROOT / "recollect"
    source = {
        str(path.relative_to(environment.ROOT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if missing := sorted(source - packed):
        raise Unusable(f"not in the wheel: {', '.join(missing)}")
    if foreign := sorted(name for name in packed - source if ".dist-info/" not in name):
        raise Unusable(f"does not belong in the wheel: {', '.join(foreign)}")


def ask(command: list[str], folder: Path, text: str | None = None) -> str:
    """Run a command in `folder`, with a home of its own for the database; returns what it printed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RECOLLECT_", "PYTHON"))}
    env |= {"RECOLLECT_HOME": str(folder / "home"), "RECOLLECT_CONFIG": os.devnull}
    done = subprocess.run(
        command, cwd=folder, env=env, input=text, capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode != 0:
        raise Unusable(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def tools(recollect: str, folder: Path) -> list[str]:
    """The names of the tools that the installed server lists over stdio."""
    client: dict[str, Any] = {"name": "installed-wheel", "version": "0"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    messages: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    answers = ask(
        [recollect], folder, "".join(json.dumps(message) + "\n" for message in messages)
    ).splitlines()
    listed = next((answer for line in answers if (answer := json.loads(line)).get("id") == 2), None)
    if listed is None or "result" not in listed:
        raise Unusable(f"tools/list was not answered: {answers}")
    return [tool["name"] for tool in listed["result"]["tools"]]


def main() -> int:
    """Build, install and use; the exit code."""
    version = tomllib.loads((environment.ROOT / "pyproject.toml").read_text())["project"]["version"]
    with tempfile.TemporaryDirectory(prefix="recollect-wheel-") as name:
        folder = Path(name)
        wheel = build(folder)
        python = environment.create(folder / "venv")
        environment.install(python, ["-c", str(environment.CONSTRAINTS), str(wheel)])
        recollect = str(python.parent / "recollect")
        try:
            inspect(wheel)
            if (printed := ask([recollect, "--version"], folder)) != f"recollect {version}\n":
                raise Unusable(f"--version prints {printed!r}")
            ask([recollect, "--help"], folder)
            found = tools(recollect, folder)
            # The whole way down to the database: whatever the package needs has to be in the wheel.
            ask([recollect, "demo"], folder)
            ask([recollect, "db", "stop"], folder)
        except Unusable as problem:
            print(problem)
            return 1
    print(f"{wheel.name}: {len(found)} tools over stdio, and the demo")
    return 0


if __name__ == "__main__":
    sys.exit(main())
