"""Virtual environments beside the one the tools run in, made with uv where it is at hand, else with pip."""

from __future__ import annotations

import hashlib
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


class NotInstalled(Exception):
    """An installation failed; the text is what the installers said."""


def install(python: Path, arguments: Sequence[str]) -> None:
    """Install into the environment of `python`. `arguments` are pip's, and uv's.

    pip has its turn when uv fails too, since it knows an index that is configured for pip alone.
    Raises: NotInstalled when both failed.
    """
    said = ""
    if uv := shutil.which("uv"):
        with_uv = subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", str(python), *arguments],
            capture_output=True,
            text=True,
        )
        if with_uv.returncode == 0:
            return
        said = with_uv.stderr
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        [str(python), "-m", "ensurepip"],
        [*pip, "--upgrade", "pip>=25.1"],  # the first that knows --group
        [*pip, *arguments],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise NotInstalled(said + done.stderr)


def kept(name: str, requirements: Sequence[str]) -> Path:
    """The Python of an environment in `.cache` that holds `requirements`; it is made if it is not there yet.

    Raises: NotInstalled.
    """
    wanted = f"{sys.version_info.major}.{sys.version_info.minor} {' '.join(requirements)}"
    folder = ROOT / ".cache" / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    finished = folder / ".finished"
    if not finished.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        install(create(folder), requirements)
        finished.touch()
    return folder / "bin" / "python"


def run(*command: str | Path, cwd: Path = ROOT) -> int:
    """Run a command with this terminal's output; returns its exit code."""
    return subprocess.run([str(word) for word in command], cwd=cwd).returncode


def tool(name: str) -> str:
    """The path of a command that is installed beside this Python."""
    return str(Path(sys.executable).parent / name)
