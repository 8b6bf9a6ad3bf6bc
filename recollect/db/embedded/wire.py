"""Just enough of PostgreSQL's protocol to ask a server whether it is there, with the standard library.

A process id or an open socket proves nothing; an answered startup packet does.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from enum import Enum

from .address import Address
from .scram import ScramClient

_PROTOCOL = 196608  # version 3.0


class Health(Enum):
    """What a server answered to a startup packet."""

    READY = "ready"
    NO_DATABASE = "no database"
    STARTING = "starting"
    ABSENT = "absent"


class ServerRefused(Exception):
    """The server answered with an error; `sqlstate` is its five-letter code. fatal: it ends the session."""

    def __init__(self, sqlstate: str, message: str, *, fatal: bool = True) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.fatal = fatal


class Connection:
    """One authenticated session. Raises OSError when nobody answers, ServerRefused on an error.

    `peer_pid` is the postmaster's process id as the kernel tells it: 0 when the postmaster lives
    in another process namespace, -1 where the platform does not say.
    """

    def __init__(
        self, address: Address, database: str, user: str = "recollect", timeout: float = 5.0
    ) -> None:
        if address.socket is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            target: str | tuple[str, int] = str(address.socket)
        else:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            target = ("127.0.0.1", address.port)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(target)
            self.peer_pid = _peer_pid(self._socket) if address.socket is not None else -1
            self._start(address, database, user)
        except BaseException:
            self._socket.close()
            raise

    def ask(self, sql: str) -> str:
        """Run one query; returns the first column of its first row as text."""
        self._send(b"Q", sql.encode() + b"\0")
        return self._until_ready()

    def close(self) -> None:
        """Say goodbye and close."""
        with contextlib.suppress(OSError):  # the server may have gone first
            self._send(b"X", b"")
        self._socket.close()

    def _start(self, address: Address, database: str, user: str) -> None:
        fields = ("user", user, "database", database, "application_name", "recollect supervisor")
        body = struct.pack("!i", _PROTOCOL) + b"".join(field.encode() + b"\0" for field in fields) + b"\0"
        self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
        scram = ScramClient(address.password)
        while True:
            kind, body = self._receive()
            if kind != b"R":
                raise ServerRefused("08P01", f"expected authentication, got message {kind!r}")
            step = struct.unpack_from("!i", body)[0]
            if step == 0:
                break
            if step == 10:
                first = scram.first().encode()
                self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
            elif step == 11:
                self._send(b"p", scram.final(body[4:].decode()).encode())
            elif step == 12:
                scram.verify(body[4:].decode())
            else:
                raise ServerRefused("28000", f"the server asks for an unsupported authentication ({step})")
        self._until_ready()

    def _until_ready(self) -> str:
        refused: ServerRefused | None = None
        answer = ""
        while True:
            try:
                kind, body = self._receive()
            except ServerRefused as error:
                if error.fatal:  # nothing follows
                    raise
                refused = error
                continue
            if kind == b"Z":
                break
            if kind == b"D" and not answer:
                length = struct.unpack_from("!i", body, 2)[0]
                answer = body[6 : 6 + length].decode()
        if refused is not None:
            raise refused
        return answer

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._exactly(5)
        body = self._exactly(struct.unpack("!i", head[1:])[0] - 4)
        if head[:1] == b"E":
            fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
            raise ServerRefused(fields.get(b"C", ""), fields.get(b"M", ""), fatal=fields.get(b"V") != "ERROR")
        return head[:1], body

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = self._socket.recv(count - len(data))
            if not chunk:
                raise ConnectionResetError("the server closed the connection")
            data += chunk
        return data


def health(address: Address, database: str, timeout: float = 5.0) -> Health:
    """Ask the server at `address` whether `database` can be used, within `timeout` seconds per step."""
    try:
        Connection(address, database, timeout=timeout).close()
    except ServerRefused as error:
        if error.sqlstate == "3D000":
            return Health.NO_DATABASE
        # 57P03: starting or stopping. Anything else, such as too many connections, is a living server.
        return Health.STARTING if error.sqlstate.startswith("57P") else Health.READY
    except (OSError, ValueError):  # ValueError: somebody else listens there, and does not know the password
        return Health.ABSENT
    return Health.READY


def peer_pid(address: Address, timeout: float = 5.0) -> int | None:
    """The postmaster's process id (see `Connection.peer_pid`), None when nobody listens."""
    if address.socket is None:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(address.socket))
        except OSError:
            return None
        return _peer_pid(connection)


def _peer_pid(connection: socket.socket) -> int:
    if sys.platform == "linux":
        pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return pid
    if sys.platform == "darwin":
        return connection.getsockopt(0, 2)  # SOL_LOCAL, LOCAL_PEERPID
    return -1
