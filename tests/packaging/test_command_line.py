"""The `recollect` command from outside: its help, its exit codes, what it loads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recollect.cli.app import COMMANDS

HELP = Path(__file__).parent / "help"
SEEN = [
    "",
    *COMMANDS,
    "db status",
    "db stop",
    "db path",
    "db url",
    "token create",
    "token list",
    "token revoke",
]


def recollect(
    *arguments: str, stdout: int = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `recollect` in a fixed terminal, without any setting but `variables`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOLLECT_")}
    env.pop("DATABASE_URL", None)
    env |= {"NO_COLOR": "1", "TERM": "dumb", "TERMINAL_WIDTH": "100", "COLUMNS": "100", **variables}
    command = [sys.executable, "-m", "recollect", *arguments]
    return subprocess.run(
        command,
        env=env,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("command", SEEN, ids=lambda command: command or "recollect")
def test_the_help_is_the_reviewed_one(command: str):
    """RECOLLECT_TEST_UPDATE_SNAPSHOTS=1 writes what is shown now, for review."""
    shown = recollect(*command.split(), "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    text = "\n".join(line.rstrip() for line in shown.stdout.splitlines()).strip() + "\n"
    reviewed = HELP / f"{command.replace(' ', '-') or 'recollect'}.txt"
    if os.environ.get("RECOLLECT_TEST_UPDATE_SNAPSHOTS"):
        reviewed.write_text(text, encoding="utf-8")
    assert text == reviewed.read_text(encoding="utf-8")


def test_every_command_is_in_the_document():
    text = (HELP.parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert set(COMMANDS) <= set(re.findall(r"`([a-z]+)`", rows))


def test_the_help_imports_no_command_and_no_database():
    loaded = loaded_by("--help")
    assert "recollect.cli.app" in loaded
    assert not loaded & {"sqlalchemy", "asyncpg", "mcp", *command_modules()}


def test_a_command_imports_no_other_command():
    assert loaded_by("db", "--help") & command_modules() == {"recollect.cli.db"}


def test_the_stdio_server_loads_nothing_of_the_command_line(tmp_path: Path):
    # It ends without Python's clean-up, so Python itself has to tell what it imports.
    served = recollect(PYTHONPROFILEIMPORTTIME="1", RECOLLECT_HOME=str(tmp_path))
    loaded = set(re.findall(r"^import time:.*\|\s+(\S+)$", served.stderr, flags=re.MULTILINE))
    assert served.returncode == 0
    assert "recollect.mcp_server.stdio" in loaded
    assert not loaded & {
        "typer",
        "rich",
        "alembic",
        "sqlalchemy",
        "asyncpg",
        "recollect.cli.app",
        *command_modules(),
    }


def test_a_usage_error_exits_with_2_and_leaves_stdout_empty():
    done = recollect("recolect")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'recolect'" in done.stderr


def test_a_wrong_setting_is_named_without_its_value_and_exits_with_2(tmp_path: Path):
    done = recollect(RECOLLECT_POOLER="s3cret", RECOLLECT_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"recollect: RECOLLECT_POOLER: [^\n]+\n", done.stderr)
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("list",)], ids=["stdio", "a command"])
def test_a_configuration_file_that_cannot_be_read_is_named_and_exits_with_2(
    arguments: tuple[str, ...], tmp_path: Path
):
    file = tmp_path / "config.toml"
    for written in (b'database_url = "s3cret', b"\xff"):
        file.write_bytes(written)
        done = recollect(*arguments, RECOLLECT_CONFIG=str(file), RECOLLECT_HOME=str(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(rf"recollect: {re.escape(str(file))} is not TOML: [^\n]+\n", done.stderr)
        assert "s3cret" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("list",), ("doctor",)], ids=["stdio", "a command", "doctor"])
def test_a_configuration_file_that_is_named_and_not_there_is_no_other_database(
    arguments: tuple[str, ...], tmp_path: Path
):
    gone = tmp_path / "config.toml"
    for wrong, says in (
        (gone, f"RECOLLECT_CONFIG names {gone}, which is not there; correct it, or unset it"),
        (tmp_path, f"{tmp_path} is a folder; name a file, or move the folder away"),
    ):
        done = recollect(*arguments, RECOLLECT_CONFIG=str(wrong), RECOLLECT_HOME=str(tmp_path / "home"))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"recollect: {says}\n"
    assert not (tmp_path / "home").exists()


def test_what_a_terminal_cannot_show_is_a_question_mark():
    """As on a console of Windows, or where Latin-1 is still spoken: the help has an ellipsis."""
    shown = recollect("--help", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "(RECOLLECT_?)" in shown.stdout


def test_an_error_that_recollect_foresees_is_one_line_and_exits_with_1(tmp_path: Path):
    done = recollect(
        "migrate",
        RECOLLECT_DATABASE_URL="postgresql://nobody:s3cret@127.0.0.1:1/none",
        RECOLLECT_CONNECT_TIMEOUT="0.2",
        RECOLLECT_HOME=str(tmp_path),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"recollect: [^\n]+\n", done.stderr)
    assert "s3cret" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_output_that_cannot_be_written_is_told_and_exits_with_1(unbuffered: str):
    with Path("/dev/full").open("w") as full:
        said = recollect("--version", stdout=full.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert (said.returncode, said.stderr) == (
        1,
        "recollect: the output could not be written: No space left on device. "
        "Send it elsewhere, or make room\n",
    )


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_output_that_nobody_reads_ends_quietly(unbuffered: str):
    reading, writing = os.pipe()
    os.close(reading)
    said = recollect("--version", stdout=writing, PYTHONUNBUFFERED=unbuffered)
    os.close(writing)
    assert (said.returncode, said.stderr) == (1, "")


def command_modules() -> set[str]:
    """The modules of the commands."""
    return {command.target.partition(":")[0] for command in COMMANDS.values()}


def loaded_by(*arguments: str) -> set[str]:
    """The modules that are loaded when `recollect` with `arguments` ends."""
    tell = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    program = f"{tell}; from recollect.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60
    )
    return set(done.stderr.split())
