"""Virtual environments beside the one the tools run in, made with uv where it is at hand, else with pip."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"


def create(folder: Path) -> Path:
    """Make an empty virtual environment in `folder`, with this Python; returns its interpreter."""
    venv.EnvBuilder(with_pip=shutil.which("uv") is None, symlinks=True).create(folder)
    return folder / "bin" / "python"


def install(python: Path, arguments: Sequence[str]) -> None:
    """Install into the environment of `python`. `arguments` are pip's, and uv's.

    pip has its turn when uv fails too, since it knows an index that is configured for pip alone.
    Raises subprocess.CalledProcessError when nothing worked; what was wrong is on stderr.
    """
    if uv := shutil.which("uv"):
        done = subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *arguments])
        if done.returncode == 0:
            return
        subprocess.run([str(python), "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)  # the first that knows --group
    subprocess.run([*pip, *arguments], check=True)


def run(*command: str | Path, cwd: Path = ROOT) -> int:
    """Run a command with this terminal's output; returns its exit code."""
    return subprocess.run([str(word) for word in command], cwd=cwd).returncode


def tool(name: str) -> str:
    """The path of a command that is installed beside this Python."""
    return str(Path(sys.executable).parent / name)
