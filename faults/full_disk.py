"""A small filesystem of its own, which can be filled: a file with ext4 in it, mounted by root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

SIZE = 320 * 2**20
"""Bytes: enough for a cluster with its log, so that there is something to fill."""

CHUNK = 2**16


def cannot_mount() -> str | None:
    """Why there can be no such filesystem here; None if there can."""
    if not sys.platform.startswith("linux"):
        return "only on Linux"
    if os.geteuid() != 0 or not _may_mount():
        return "only root can mount, and not in every container"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices"
    if not (shutil.which("mkfs.ext4") and shutil.which("mount")):
        return "mkfs.ext4 or mount is missing"
    with contextlib.suppress(OSError), (Path("/proc/filesystems")).open(encoding="utf-8") as known:
        if "ext4" in known.read():
            return None
    return "the kernel has no ext4"


def _may_mount() -> bool:
    """Whether this process has the capability SYS_ADMIN."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> 21 & 1)
    return False


@contextmanager
def small_disk(folder: Path) -> Generator[Path]:
    """A mounted filesystem of `SIZE` bytes, all of which ordinary accounts may use."""
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    try:
        place.chmod(0o711)
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Write a file until nothing more fits; where it is."""
    ballast = place / "ballast"
    with ballast.open("ab", buffering=0) as file:
        size = CHUNK
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    return ballast
