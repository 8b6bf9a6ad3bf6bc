"""Other users of the machine get nothing, and nobody's folders change."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recollect.db.embedded import EmbeddedError, EmbeddedPostgres, status, stop

Query = Callable[[str, str], Any]
NOBODY = 65534

_CONNECT = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""


def connect_as(uid: int, folder: Path, *, inside: Path | None = None) -> str:
    """What another account gets that connects to the socket in this folder, starting `inside` another."""
    command = [sys.executable, "-c", _CONNECT, str(folder / ".s.PGSQL.5432"), str(uid)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=inside).stdout.strip()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def long_home(room: Path) -> Path:
    return room / ("a-long-name-" * 12)


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("place", ["short", "long"])
def test_another_user_cannot_connect(room: Path, place: str) -> None:
    home = room / "home" if place == "short" else long_home(room)
    EmbeddedPostgres(home, grace_seconds=5).ensure()
    folder = status(home).socket_folder
    assert folder is not None
    assert connect_as(0, folder) == "connected"
    assert connect_as(NOBODY, folder) == "PermissionError"
    # Were all folders around it open, the socket's own mode would still keep it out.
    (home / "postgres" / "run").chmod(0o755)
    assert connect_as(NOBODY, Path(), inside=folder) == "PermissionError"
    assert connect_as(0, Path(), inside=folder) == "connected"


def test_its_own_folders_are_closed_and_the_ones_it_found_keep_their_modes(room: Path) -> None:
    home = room / "given"
    home.mkdir()
    for folder in (room, home):
        folder.chmod(0o755)
    EmbeddedPostgres(home, grace_seconds=5).ensure()
    assert (mode(room), mode(home)) == (0o755, 0o755)
    found = status(home)
    assert found.data is not None
    assert [mode(path) for path in (found.folder, found.folder / "run", found.data)] == [0o700] * 3
    modes = {mode(path) for path in found.folder.iterdir() if path.is_file()}
    assert modes == {0o600}


def test_a_folder_that_others_can_enter_is_refused_and_left_alone(home: Path) -> None:
    base = home / "postgres"
    base.chmod(0o750)
    with pytest.raises(EmbeddedError, match="chmod 700"):
        EmbeddedPostgres(home).ensure()
    assert mode(base) == 0o750
    base.chmod(0o700)


def test_a_folder_that_cannot_be_made_is_an_error_that_names_the_setting(room: Path) -> None:
    (room / "file").touch()
    with pytest.raises(EmbeddedError, match="RECOLLECT_HOME"):
        EmbeddedPostgres(room / "file").ensure()
    with pytest.raises(EmbeddedError, match="RECOLLECT_HOME"):
        EmbeddedPostgres(room / "file" / "below").ensure()


def test_a_symbolic_link_in_place_of_a_lock_is_not_followed(home: Path, room: Path) -> None:
    lock = home / "postgres" / "boot.lock"
    lock.unlink()
    lock.symlink_to(room / "victim")
    with pytest.raises(EmbeddedError):
        EmbeddedPostgres(home).ensure()
    assert not (room / "victim").exists()
    lock.unlink()


def test_a_home_too_long_for_a_socket_gets_a_short_private_name(room: Path, query: Query) -> None:
    home = long_home(room)
    server = EmbeddedPostgres(home, grace_seconds=5)
    assert query(server.ensure(), "SELECT 1") == 1
    folder = status(home).socket_folder
    assert folder is not None
    assert len(str(folder)) < 90
    assert mode(folder.parent) == 0o700
    assert folder.resolve() == home / "postgres" / "run"
    assert stop(home)
    assert not folder.parent.exists()


def test_a_short_name_that_was_tampered_with_is_replaced(room: Path, query: Query) -> None:
    home = long_home(room)
    server = EmbeddedPostgres(home, grace_seconds=5)
    server.ensure()
    first = status(home).socket_folder
    assert first is not None
    elsewhere = room / "elsewhere"
    elsewhere.mkdir()
    first.unlink()
    first.symlink_to(elsewhere)
    url = server.ensure()
    assert status(home).socket_folder != first
    assert query(url, "SELECT 1") == 1
    first.unlink()
    first.parent.rmdir()


@pytest.mark.usefixtures("as_root")
def test_a_folder_of_another_account_is_refused_to_an_ordinary_user(home: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from recollect.db.embedded import EmbeddedError, EmbeddedPostgres
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    EmbeddedPostgres(Path(sys.argv[1])).ensure()
except EmbeddedError as error:
    print(error)
"""
    home.chmod(0o755)
    command = [sys.executable, "-c", program, str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert "another account" in done.stdout
    assert os.geteuid() == 0
