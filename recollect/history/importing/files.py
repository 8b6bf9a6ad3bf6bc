"""The JSON files that a path stands for: itself, the files of a folder, the members of a zip.

Nothing is ever written to the disk. A zip's members are read as streams; their names are told and
never used as paths.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from recollect.history.importing.zip_directory import directory_bytes
from recollect.models.imported import Problem, Skipped

READABLE = (".json", ".jsonl", ".ndjson")

IN_ZIP = " > "
"""Stands between the name of a zip and that of a member."""

MAX_MEMBERS = 200_000
MAX_DIRECTORY_BYTES = 40_000_000
MAX_RATIO = 200
"""How many times larger than in the zip a member may be, and all of them together: JSON of conversations
is at most some 40 times, NULs are 1,000 times, and members may overlap."""

RATIO_FROM_BYTES = 20_000_000
"""So much does no harm, however well it is packed."""

READ_ERRORS = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
"""What reading a file or a member can raise."""

ENCRYPTED = 1
"""The bit among a member's flags that says so."""


class Opener(Protocol):
    def __call__(self) -> AbstractContextManager[IO[bytes]]: ...


@dataclass(slots=True)
class SourceFile:
    """A file that may hold conversations.

    name:      for reports: the path, and the member's name.
    size:      in bytes, unpacked.
    alone:     it was named by itself: not to know its format is an error, elsewhere a note.
    """

    name: str
    size: int
    open: Opener
    alone: bool = False

    @property
    def stem(self) -> str:
        """Its name without its folders and its end."""
        return PurePosixPath(self.name.replace("\\", "/").rpartition(IN_ZIP)[2]).stem


def files(path: Path) -> Iterator[SourceFile | Problem | Skipped]:
    """The files of a path, in an order that does not depend on the machine."""
    try:
        found = path.stat()
        kind = found.st_mode
        if stat.S_ISDIR(kind):
            yield from _folder(path)
        elif zipfile.is_zipfile(path):
            yield from _members(path, str(path), found.st_size)
        elif stat.S_ISREG(kind):
            yield SourceFile(str(path), found.st_size, lambda: path.open("rb"), alone=True)
        else:
            yield Problem(str(path), "is neither a file nor a folder")
    except FileNotFoundError:
        yield Problem(str(path), "there is no such file or folder")
    except READ_ERRORS as error:
        yield Problem(str(path), f"cannot be read: {reason(error)}")


def opened(file: IO[bytes], name: str) -> Iterator[SourceFile | Problem | Skipped]:
    """The files of one that is open and can be read from anywhere, under the name it goes by."""
    try:
        if zipfile.is_zipfile(file):
            yield from _members(file, name, file.seek(0, os.SEEK_END))
        else:
            size = file.seek(0, os.SEEK_END)
            yield SourceFile(name, size, lambda: _from_start(file), alone=True)
    except READ_ERRORS as error:
        yield Problem(name, f"cannot be read: {reason(error)}")


@contextmanager
def _from_start(file: IO[bytes]) -> Generator[IO[bytes]]:
    file.seek(0)
    yield file


def total_bytes(paths: Iterable[Path]) -> int:
    """How much there is to read, unpacked."""
    return sum(file.size for path in paths for file in files(path) if isinstance(file, SourceFile))


def reason(error: BaseException) -> str:
    """Why something cannot be read, in one line."""
    words = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(words.split())


def _folder(path: Path) -> Iterator[SourceFile | Problem | Skipped]:
    others = 0
    unread: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=unread.append, followlinks=False):
        folders.sort()
        for name in folders:
            if (linked := Path(folder, name)).is_symlink():
                yield Skipped(
                    str(linked), "is a link to a folder, which is not followed; name it to import it"
                )
        for name in sorted(names):
            file = Path(folder, name)
            if file.suffix.lower() not in (*READABLE, ".zip"):
                others += 1
            elif file.suffix.lower() == ".zip" or not file.is_file():
                yield from files(file)
            else:
                yield SourceFile(str(file), file.stat().st_size, lambda file=file: file.open("rb"))
    for error in unread:
        yield Problem(str(error.filename), f"cannot be read: {reason(error)}")
    if others:
        yield Skipped(str(path), f"files that are neither JSON nor a zip: {others}")


def _members(
    archived: Path | IO[bytes], shown: str, packed_bytes: int
) -> Iterator[SourceFile | Problem | Skipped]:
    listed = _directory_bytes(archived)
    if min(listed, packed_bytes) > MAX_DIRECTORY_BYTES:
        yield Problem(shown, f"lists its files in {listed} bytes, more than {MAX_DIRECTORY_BYTES}")
        return
    with zipfile.ZipFile(archived) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MAX_MEMBERS:
            yield Problem(shown, f"holds {len(members)} files, more than {MAX_MEMBERS}")
            return
        others = 0
        left = max(RATIO_FROM_BYTES, packed_bytes * MAX_RATIO)
        for member in sorted(members, key=lambda member: member.filename):
            name = f"{shown}{IN_ZIP}{_shown(member.filename)}"
            suffix = PurePosixPath(member.filename).suffix.lower()
            if suffix == ".zip":
                yield Skipped(name, "is a zip inside of a zip; unpack it to import it")
            elif suffix not in READABLE:
                others += 1
            elif _unsafe(member.filename):
                yield Problem(name, "was not read: its name leads out of the archive")
            elif member.flag_bits & ENCRYPTED:
                yield Problem(name, "was not read: it has a password. Unpack it yourself to import it")
            elif member.file_size > max(RATIO_FROM_BYTES, member.compress_size * MAX_RATIO):
                packed = f"{member.compress_size} bytes that unpack to {member.file_size}"
                yield Problem(
                    name, f"was not read: {packed}, like a zip bomb. Unpack it yourself to import it"
                )
            elif member.file_size > left:
                yield Problem(
                    name, "and what follows was not read: together they unpack to too much, like a zip bomb"
                )
                break
            else:
                left -= member.file_size
                yield SourceFile(name, member.file_size, lambda member=member: archive.open(member))
        if others:
            yield Skipped(shown, f"files that are not JSON: {others}")


def _directory_bytes(archived: Path | IO[bytes]) -> int:
    if not isinstance(archived, Path):
        return directory_bytes(archived)
    with archived.open("rb") as file:
        return directory_bytes(file)


def _unsafe(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or name[1:2] == ":"


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)
