"""What a shell is told when somebody presses the tab key."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECOLLECT = Path(sys.executable).with_name("recollect")

SCRIPT = """
eval "$("$1" --show-completion)"
shift
COMP_WORDS=(recollect "$@")
COMP_CWORD=$#
_recollect_completion "$RECOLLECT"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ex",), ["export"]),
        (("export", "--f"), ["--format", "--force"]),
        (("export", "--format", "mark"), ["markdown"]),
        (("install", "claude-"), ["claude-desktop", "claude-code"]),
        (("db", "s"), ["status", "stop"]),
    ],
    ids=" ".join,
)
def test_bash_completes_commands_options_and_values(
    tmp_path: Path, words: tuple[str, ...], expected: list[str]
) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", SCRIPT, "bash", str(RECOLLECT), *words],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "RECOLLECT": str(RECOLLECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == expected
