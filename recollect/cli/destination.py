"""The file that a command writes: what it may replace, and where it waits until it is whole."""

from __future__ import annotations

import tempfile
from pathlib import Path

import typer


def destination(file: Path, *, force: bool, hint: str) -> Path:
    """The place to write to. A link stays, and what it names is replaced; a device or a pipe never is: root
    would make a file of /dev/null.

    force:  replace a file that is there.
    hint:   how the command line names it.

    Raises: BadParameter.
    """
    place = file.resolve()
    if place.exists() and not place.is_file():
        raise typer.BadParameter(f"{file} is no file and stays; name another", param_hint=hint)
    if place.exists() and not force:
        raise typer.BadParameter(f"{file} exists; --force replaces it", param_hint=hint)
    return place


def unfinished(place: Path, *, hint: str) -> tuple[int, Path]:
    """A new file beside it, its owner's alone, open for writing: its descriptor and its path. What a run left
    there that was killed is in nobody's way.

    Raises: BadParameter.
    """
    try:
        fd, name = tempfile.mkstemp(".part", f"{place.name}.", place.parent)
    except OSError as error:
        raise typer.BadParameter(f"{place} cannot be written: {error.strerror}", param_hint=hint) from error
    return fd, Path(name)
