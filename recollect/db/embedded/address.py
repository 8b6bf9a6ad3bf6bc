"""How to reach the server: a socket in a private folder, or on Windows a port and a password."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .alias import known_alias
from .layout import PORT, Layout
from .record import read_record


@dataclass(frozen=True, slots=True)
class Address:
    """A socket file; or, where there is none, a port of this machine and the password."""

    socket: Path | None = None
    port: int = 0
    password: str = ""


def known_address(layout: Layout) -> Address | None:
    """Where the server is reached, if that is known already; makes nothing."""
    if layout.password.exists():
        record = read_record(layout.record)
        if record is None:
            return None
        return Address(port=record.port, password=layout.password.read_text(encoding="utf-8"))
    folder = known_alias(layout)
    return None if folder is None else Address(socket=folder / f".s.PGSQL.{PORT}")


def url_of(address: Address) -> str:
    """The server's URL. Every part is said, so that no PG… variable of the caller's changes it."""
    if address.socket is None:
        return f"postgresql://recollect:{address.password}@127.0.0.1:{address.port}/recollect"
    return f"postgresql://recollect@/recollect?host={quote(str(address.socket.parent))}&port={PORT}"
