"""A client who takes nothing of what is sent to it does not keep the connection."""

from __future__ import annotations

import errno
import select
import socket
import sys
from contextlib import suppress

import pytest

from recollect.serving import process
from recollect.settings import Settings


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such time limit")
def test_a_connection_whose_client_takes_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STALLED_MS", 300)
    with process.bound(Settings(), "127.0.0.1", 0) as (listener, _), socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", listener.getsockname()[1]))
        connection, _ = listener.accept()
        with connection:
            connection.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    connection.send(b"x" * 65536)
            waiting = select.poll()
            waiting.register(connection, select.POLLERR)
            assert waiting.poll(20_000)
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ETIMEDOUT
