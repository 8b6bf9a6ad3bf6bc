"""The file of a backup: a zip that holds each table as PostgreSQL's COPY writes it, and a manifest.

The manifest is written last and holds the SHA-256 of each table, so a file that was cut short or
changed is refused before anything is read out of it. It protects from accidents: who can write the
file can write a fitting manifest too.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from lzma import LZMAError
from pathlib import Path
from typing import IO, Literal

from pydantic import TypeAdapter, ValidationError

from recollect.models.errors import InvalidArgument

FORMAT: Literal["recollect backup"] = "recollect backup"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
PIECE = 1 << 20
"""Bytes that are read at once."""

ARGUMENT = "file"

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    struct.error,
    KeyError,
    EOFError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises for a damaged file, beside OSError: RuntimeError where a changed bit says that a member
is encrypted, or compressed in a way that is not known."""


@dataclass(frozen=True, slots=True)
class TableCopy:
    """One table in a backup. sha256: of its text as COPY writes it, in the order of its primary key."""

    name: str
    columns: list[str]
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. revision: of the schema; created_at, server: when and of which PostgreSQL."""

    revision: str
    created_at: str
    server: str
    tables: list[TableCopy]

    def rows(self, table: str) -> int:
        """How many rows it has of a table."""
        return next((copy.rows for copy in self.tables if copy.name == table), 0)


class Digest:
    """Counts and hashes what passes through."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.bytes = 0

    def add(self, data: bytes) -> None:
        self._hash.update(data)
        self.bytes += len(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Writer:
    """Writes a backup into a file that is open for writing; to be closed, also after an error.

    problem:  what kept it from writing, once something did.

    Raises: InvalidArgument (the file cannot be written, as on a disk that is full).
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.problem: InvalidArgument | None = None
        self._file = file
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)

    @contextmanager
    def table(self, name: str) -> Generator[Callable[[bytes], None]]:
        """What takes one table's bytes; one table at a time."""
        with self._writing():
            member = self._zip.open(_member(name), "w", force_zip64=True)

        def write(data: bytes) -> None:
            # Here, so that it is not taken for an error of the connection that the bytes come from.
            with self._writing():
                member.write(data)

        try:
            yield write
        finally:
            with self._writing():
                member.close()

    def finish(self, manifest: Manifest) -> None:
        """Write what makes the file whole, and have it on the disk."""
        with self._writing():
            self._zip.writestr(MANIFEST, _SAID.dump_json(_Said(FORMAT, FORMAT_VERSION, manifest), indent=2))
            self._zip.close()
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with suppress(OSError):  # the error that matters was raised before
            self._zip.close()

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            self.problem = InvalidArgument(ARGUMENT, f"cannot be written: {error.strerror}")
            raise self.problem from error


class Reader:
    """A backup that is there.

    Raises: InvalidArgument where it is no backup, cut short, changed, or of a newer format.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            written = self._zip.read(MANIFEST)
        except (OSError, *DAMAGE) as error:
            if isinstance(error, OSError) and error.strerror is not None:
                raise InvalidArgument(ARGUMENT, f"cannot be read: {error.strerror}") from error
            raise InvalidArgument(
                ARGUMENT, "is not a whole backup: it was cut short, or `recollect backup` did not write it"
            ) from error
        self.manifest = _manifest(written)

    def check(self) -> None:
        """Read everything, and compare it with the manifest."""
        for copy in self.manifest.tables:
            digest = Digest()
            for piece in self._pieces(copy.name):
                digest.add(piece)
            if (digest.sha256, digest.bytes) != (copy.sha256, copy.bytes):
                raise _changed()

    async def table(self, name: str) -> AsyncGenerator[bytes]:
        """One table's bytes, as COPY takes them."""
        for piece in self._pieces(name):
            yield piece

    def close(self) -> None:
        self._zip.close()

    def _pieces(self, name: str) -> Iterator[bytes]:
        try:
            with self._zip.open(_member(name)) as member:
                while piece := member.read(PIECE):
                    yield piece
        except (OSError, *DAMAGE) as error:
            raise _changed() from error


def _member(name: str) -> str:
    return f"{name}.copy"


def _changed() -> InvalidArgument:
    return InvalidArgument(ARGUMENT, "was changed or damaged after it was written; take another backup")


def _manifest(written: bytes) -> Manifest:
    try:
        said = _SAID.validate_json(written)
    except ValidationError as error:
        raise _changed() from error
    if said.version > FORMAT_VERSION:
        raise InvalidArgument(
            ARGUMENT, "was written by a newer version of Recollect; upgrade Recollect to restore it"
        )
    return said.manifest


@dataclass(frozen=True, slots=True)
class _Said:
    """The manifest as it stands in the file."""

    format: Literal["recollect backup"]
    version: int
    manifest: Manifest


_SAID = TypeAdapter(_Said)
