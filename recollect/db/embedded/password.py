"""The password of the server on Windows, where there is no socket that only its owner can open."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

from .private_file import write_private


def make_password(path: Path) -> None:
    """Write a random password to `path` unless there is one. Only the user can read the file.

    For holders of the boot lock.
    """
    if path.exists():
        return
    fresh = path.with_suffix(".new")
    write_private(fresh, secrets.token_urlsafe(32))
    if sys.platform == "win32":
        # Drop what the folder passes on, and let in this user alone, before the password is used.
        user = os.environ["USERNAME"]
        command = ["icacls", str(fresh), "/inheritance:r", "/grant:r", f"{user}:F"]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments
    fresh.replace(path)
