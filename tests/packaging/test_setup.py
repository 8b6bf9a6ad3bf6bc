"""scripts/setup.sh, which `make` runs before anything else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "setup.sh"


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder for PATH with what the script needs beside Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("dirname", "rm"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def setup(commands: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing on PATH but `commands`."""
    command = [shutil.which("sh") or "/bin/sh", str(SCRIPT), str(venv)]
    return subprocess.run(command, env={"PATH": str(commands)}, capture_output=True, text=True, timeout=60)


def script(path: Path, text: str) -> None:
    """Put a command on PATH."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_a_recent_python_it_says_which_one_is_needed(commands: Path, tmp_path: Path):
    script(commands / "python3", "exit 1")  # as an older one answers to the question for its version
    done = setup(commands, tmp_path / "venv")
    assert done.returncode == 1
    assert done.stderr.startswith("Recollect needs Python 3.11 or newer, and none is on PATH.")
    assert not (tmp_path / "venv").exists()


def test_a_newer_python_under_its_own_name_is_found_behind_an_old_python3(commands: Path, tmp_path: Path):
    script(commands / "python3", "exit 1")
    # It answers what it is asked for, but cannot make environments.
    script(
        commands / "python3.12", '[ "$1" = -m ] && exit 1; [ "$1" = --version ] && echo Python 3.12; exit 0'
    )
    done = setup(commands, tmp_path / "venv")
    assert done.returncode == 1
    assert "with Python 3.12" in done.stderr
    assert "cannot make virtual environments" in done.stderr
    assert not (tmp_path / "venv").exists()
